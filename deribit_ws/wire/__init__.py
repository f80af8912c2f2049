"""The words shared with the exchange: messages, channels, market data, methods, error codes. No state."""
