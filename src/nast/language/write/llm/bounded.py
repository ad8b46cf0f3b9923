"""Responses of a server, read up to a limit: whatever it sends, memory and time stay small."""

import zlib

import httpx

from nast.language.write.llm.retry import Response, TransientError

LARGEST = 16 * 2**20
"""Bytes of a response, decoded or not. A long answer with its log-probabilities has 3 million."""
ENCODINGS = "gzip, deflate"
"""What servers may use; httpx would unpack any amount of it at once."""


async def read_bounded(response: httpx.Response) -> Response:
    """Read a response that was opened as a stream.

    Raises:
        TransientError: it is larger than `LARGEST`, or not in one of `ENCODINGS`.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise TransientError("an answer in an encoding that was not asked for")
    packed = encoding not in ("", "identity")
    # 32: the header says whether it is gzip or zlib.
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    body, came = bytearray(), 0
    async for chunk in response.aiter_raw():
        came += len(chunk)
        try:
            body += unpack.decompress(chunk, LARGEST + 1 - len(body)) if packed else chunk
        except zlib.error:
            raise TransientError(f"an answer that is not {encoding}, as it says") from None
        if max(came, len(body)) > LARGEST:
            raise TransientError(f"an answer of more than {LARGEST // 2**20} MiB")
    return Response(response.status_code, response.headers.get("retry-after", ""), bytes(body))
