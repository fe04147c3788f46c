"""Serve the built site on this machine only."""

import argparse
import errno
import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
HOST = "127.0.0.1"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files; print a line only for a request that failed."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing about requests that went well."""

    def end_headers(self) -> None:
        """Ask browsers to check for a newer build each time."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def open_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of `folder` on 127.0.0.1, not yet running; port 0 takes any free port.

    Raises:
        OSError: the port is taken or not allowed.
    """
    return ThreadingHTTPServer((HOST, port), functools.partial(QuietHandler, directory=str(folder)))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default 8000; 0 takes a free one)")
    parser.add_argument("--folder", type=Path, default=SITE, help="folder to serve (default: the built site)")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"expected a port from 0 to 65535, received {options.port}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit status."""
    options = parse(arguments)
    if not (options.folder / "index.html").is_file():
        print(f"expected index.html in {options.folder}, found none: run `make book` first", file=sys.stderr)
        return 1
    try:
        server = open_server(options.folder, options.port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is in use" if error.errno == errno.EADDRINUSE else "needs rights that you do not have"
        print(f"port {options.port} {why}: choose another with `make serve PORT=8001`", file=sys.stderr)
        return 1
    with server:
        try:
            print(f"The book is at http://{HOST}:{server.server_port}/ (Ctrl-C stops it)", flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
