"""What the C libraries behind a decoder write on standard error while it decodes.

libjpeg, libpng and libtiff fill in missing or damaged data and say so there, and nowhere else:
no return value, no exception. Hence file descriptor 2 points to a file in memory while anything
is decoded, in any thread, and what other code writes meanwhile is passed on. A film that was
decoded beside others when something was said is decoded once more, alone, to learn whether it
was meant.

This is of the whole process: a program that another thread starts in such a moment takes the file
in memory for its standard error, and what it writes there is lost.
"""

import fcntl
import os
import re
import tempfile
import threading

_COMPLAINT = re.compile(
    rb"Corrupt JPEG data|Premature end of JPEG|Inconsistent progression|Invalid SOS param"
    rb"|Unsupported marker|unknown JFIF|Unknown Adobe|libpng error|libpng warning: IDAT"
    rb"|imdecode_?\(|tempfile\.tif|_?TIFF\w+:|\w+Decode\w*: "
)

# Of profiles and chromaticities, which grey levels do not use.
_REMARK = re.compile(rb"libpng warning: ")


class _Listener:
    def __init__(self):
        self._turn = threading.Condition()
        self._decoding = self._waiting = 0
        self._alone = False
        self._saved = self._file = None
        self._passed_on = 0

    def listen(self, decode, alone=False):
        """Result of ``decode()``, and the first complaint that it wrote or None."""
        begin = self._enter(alone)
        try:
            result = decode()
        finally:
            complaint = self._leave(begin)
        if complaint is not None and not alone:
            return self.listen(decode, alone=True)
        return result, complaint

    def _enter(self, alone):
        with self._turn:
            self._waiting += alone
            try:
                self._turn.wait_for(
                    lambda: not self._decoding if alone else not (self._alone or self._waiting)
                )
            finally:
                self._waiting -= alone
            self._alone = alone
            if not self._decoding:
                self._redirect()
            self._decoding += 1
            return os.fstat(self._file).st_size

    def _leave(self, begin):
        with self._turn:
            self._decoding -= 1
            if not self._decoding:
                self._restore()  # first, so that nothing is written to the file once it was read
            said = os.pread(self._file, os.fstat(self._file).st_size - begin, begin)
            self._pass_on()
            if not self._decoding:
                self._close()
                self._alone = False
                self._turn.notify_all()
        lines = (line for line in said.splitlines() if _COMPLAINT.search(line))
        line = next(lines, None)
        return None if line is None else line.decode("ascii", "replace").strip()

    def _redirect(self):
        if hasattr(os, "memfd_create"):
            self._file = os.memfd_create("skcxr")
        else:
            with tempfile.TemporaryFile() as file:
                self._file = os.dup(file.fileno())
        # Appended, or two threads that write at once overwrite each other.
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)
        self._passed_on = 0
        try:
            self._saved = os.dup(2)
        except OSError:  # standard error is closed, as in some services
            self._saved = None
        os.dup2(self._file, 2)

    def _restore(self):
        if self._saved is None:
            os.close(2)
        else:
            os.dup2(self._saved, 2)

    def _close(self):
        if self._saved is not None:
            os.close(self._saved)
        os.close(self._file)
        self._saved = self._file = None

    def _pass_on(self):
        end = os.fstat(self._file).st_size
        if end == self._passed_on:
            return
        said = os.pread(self._file, end - self._passed_on, self._passed_on)
        self._passed_on = end
        lines = said.splitlines(True)
        others = b"".join(x for x in lines if not (_COMPLAINT.search(x) or _REMARK.match(x)))
        if others and self._saved is not None:
            os.write(self._saved, others)

    def forget(self):
        """In a forked child, where the threads that were decoding do not exist."""
        if self._file is not None:
            self._restore()
            self._close()
        self.__init__()


_listener = _Listener()
listen = _listener.listen
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_listener.forget)
