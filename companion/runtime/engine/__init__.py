"""The engine process and everything about it: its jobs, the sizes it holds, how it is started again."""
