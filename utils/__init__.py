"""The definitions that the chapters share. Import from its modules; this file imports nothing."""
