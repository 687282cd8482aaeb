"""Logging of the services: JSON lines on standard error, secrets taken out."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

_REDACTIONS = (
    # JSON Web Tokens, wherever they stand
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), "<token>"),
    # JupyterHub, at debug level: the browser session an XSRF cookie is made for
    (re.compile(r"\bb'(?:[0-9a-f]{32}|None):[\w=+/-]+'"), "<session>"),
    # credentials of batch runs and API keys, as one text
    (re.compile(r"\b(bs[bk]-[0-9a-f]{16}):[\w-]+"), r"\1:<hidden>"),
    (
        re.compile(
            r"(?i)\b(authorization|access-key|secret-key|subscription-key|cookie)(\"?\s*[:=]\s*)[^\r\n]+"
        ),
        r"\1\2<hidden>",
    ),
    (
        re.compile(
            r"(?i)\b(WebIdentityToken|X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential|client_secret"
            r"|sig|api_token|refresh_token|access_token|id_token|id_token_hint|subject_token|password|code|code_verifier|state)"
            r"(=|%3D|\"\s*:\s*\")[^&\s\"]+"
        ),
        r"\1\2<hidden>",
    ),
)

_TALKATIVE = ("httpx", "httpcore", "botocore", "urllib3", "kubernetes_asyncio")


def redact(text: str) -> str:
    """Take tokens, signatures, passwords and authorization headers out of ``text``."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and, if any, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Render ``record`` with its secrets taken out."""
        entry: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def configure(level: str = "INFO") -> None:
    """Send every record of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # also at debug level: they write URLs, headers and what is signed with which result
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
