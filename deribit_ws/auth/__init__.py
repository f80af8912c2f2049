"""Who logs in, and the tokens that a login gives."""

from deribit_ws.auth.credentials import Credentials, RefreshToken
from deribit_ws.auth.grant import Grant, missing
from deribit_ws.auth.login import Login

__all__ = ["Credentials", "Grant", "Login", "RefreshToken", "missing"]
