"""A film in a zip: where it lies, and its bytes."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

LOCAL_HEADER = "<4s22xHH"  # its mark; how long the name and the extra field are, which the data follow (APPNOTE 4.3.7)


@dataclass(frozen=True)
class Member(os.PathLike[str]):
    """A film in a zip.

    As a path it is the zip, so that whoever asks whether a film has changed is told whether the zip has; as text it is
    both names.

    Attributes
    ----------
    archive : Path
    name : str
        Its path in the zip.
    begin : int
        Where its header lies in the zip.
    packed, size : int
        Bytes, packed and unpacked.
    checksum : int
        CRC-32 of the unpacked bytes.
    stored : bool
        Whether it is not packed at all.
    """

    archive: Path
    name: str
    begin: int
    packed: int
    size: int
    checksum: int
    stored: bool

    def __fspath__(self) -> str:
        return os.fspath(self.archive)

    def __str__(self) -> str:
        return f"{self.archive}{os.sep}{self.name}"

    def read(self) -> bytes:
        """Unpack it: never more bytes than the zip says it has, which are no more than a film may have.

        Raises
        ------
        zipfile.BadZipFile
            If it does not unpack to these bytes.
        OSError
            If the zip cannot be read.
        """
        with self.archive.open("rb") as file:
            file.seek(self.begin)
            head = file.read(struct.calcsize(LOCAL_HEADER))
            if len(head) < struct.calcsize(LOCAL_HEADER) or head[:4] != b"PK\3\4":
                raise zipfile.BadZipFile
            file.seek(sum(struct.unpack(LOCAL_HEADER, head)[1:]), os.SEEK_CUR)
            data = file.read(min(self.packed, 2 * self.size + 1024))  # packing makes nothing twice as large
        try:
            data = data if self.stored else zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, self.size + 1)
        except zlib.error as error:
            raise zipfile.BadZipFile from error
        if len(data) != self.size or zlib.crc32(data) != self.checksum:
            raise zipfile.BadZipFile
        return data
