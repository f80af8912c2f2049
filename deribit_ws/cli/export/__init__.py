"""`deribit-ws export`: a recording as tables. Only `run` is for others: `command` calls it.

`kinds` says which columns a payload has, `sorting` which row goes into which table, `parquet` and
`csv_files` write them, `exporting` puts these together.
"""

from deribit_ws.cli.export.exporting import run

__all__ = ["run"]
