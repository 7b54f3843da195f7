"""The programs that a performance consists of beside the engine: realtime, supervisor, and the front's end of both."""
