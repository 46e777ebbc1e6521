"""Nothing: EPyMARL imports smaclite at its start, whatever it trains."""
