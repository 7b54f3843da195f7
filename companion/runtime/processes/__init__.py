"""The programs that a performance consists of: realtime, engine, supervisor."""
