"""Executing a py:percent notebook with parameters, through papermill, strictly."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

from depthlib.errors import DepthError, Unfinished
from depthlib.files import writable_folder, write_whole
from depthlib.stopping import Stopping
from depthlib.typed import nearest

#: Seconds in which a kernel is to answer; on a machine with much else to do it takes more than papermill's 60.
START = 300


def execute(source: str | os.PathLike[str], target: str | os.PathLike[str], parameters: dict[str, Any]) -> Path:
    """Execute a notebook with parameters and keep the executed copy.

    Papermill itself only logs an unknown parameter, and reads no ``.py``; here an unknown one is refused before
    anything runs, and the text notebook is converted first.

    Args:
        source: a py:percent or ``.ipynb`` notebook with a cell tagged ``parameters``.
        target: where the executed notebook goes; written only when every cell ran. After a failure the notebook
            up to the failed cell is left beside it as ``NAME.failed.ipynb``.
        parameters: values for names of the parameters cell.

    Raises:
        DepthError: the notebooks extra is not installed, an unknown parameter, a kernel that does not start, or a failing cell.
        Unfinished: SIGTERM came. The kernel had it, too, so a training in it saved its step.
        KeyboardInterrupt: the cell at work was interrupted.
    """
    try:
        import jupytext
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError
    except ImportError as error:
        raise DepthError(
            f"{error.name} is not installed; `pip install jupyter jupytext papermill nbclient ipykernel`. `depthlib train` does the same without a notebook."
        ) from error
    source, target = Path(source), Path(target)
    with tempfile.TemporaryDirectory() as scratch:
        notebook = Path(scratch) / f"{source.stem}.ipynb"
        content = jupytext.read(source)
        content.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
        jupytext.write(content, notebook)
        known = papermill.inspect_notebook(str(notebook))
        for name in parameters:
            if name not in known:
                raise DepthError(
                    f"{source.name}: no parameter {name!r}{nearest(name, list(known))}. It has {', '.join(known)}."
                )
        executed = Path(scratch) / "executed.ipynb"
        writable_folder(target.parent)
        run = _Run(str(notebook), str(executed), parameters)

        def failed(what: str) -> DepthError:
            left = target.with_suffix(".failed.ipynb")
            write_whole(left, lambda partial: shutil.copyfile(executed, partial))
            return DepthError(f"{source.name}: {what} The cells up to there: {left}")

        try:
            run.go()
        except PapermillExecutionError as error:
            if error.ename == "KeyboardInterrupt":
                raise KeyboardInterrupt from error
            if error.ename == "Unfinished":
                raise Unfinished(error.evalue) from error
            raise failed(f"{error.ename}: {error.evalue}") from error
        except RuntimeError as error:
            if run.told:
                raise Unfinished(f"{source.name}: SIGTERM came. The same command goes on.") from error
            if isinstance(error, DeadKernelError):
                raise failed("its process was ended from outside, most often for want of memory.") from error
            # nothing has run yet; the ports that it chose may have been taken meanwhile
            raise DepthError(
                f"{source.name}: its kernel did not start ({error}). The same command tries again."
            ) from error
        write_whole(target, lambda partial: shutil.copyfile(executed, partial))
    target.with_suffix(".failed.ipynb").unlink(missing_ok=True)
    return target


class _Run:
    """Papermill at work in a thread, so that this one can hand on to the kernel what asks the process to stop.

    Left to itself papermill ends its kernel at once, and what a cell has done since it last saved is lost.
    """

    def __init__(self, notebook: str, executed: str, parameters: dict[str, Any]) -> None:
        self.arguments = (notebook, executed, parameters)
        self.told = False
        self._kernels: list[Any] = []
        self._error: BaseException | None = None
        # an interrupted Thread.join may take a thread that is at work for one that has ended
        self._done = threading.Event()

    def go(self) -> None:
        """Returns when the last cell has run, or raises what papermill raised."""
        worker = threading.Thread(target=self._work)
        waiting: list[int] = []  # signals that no kernel has had yet
        with Stopping() as stopping:
            worker.start()
            while not self._done.is_set():
                try:
                    self._done.wait(0.1)
                    if stopping.told and not self.told:
                        self.told = True
                        waiting.append(signal.SIGTERM)
                    waiting = [number for number in waiting if not self._hand_on(number)]
                except KeyboardInterrupt:
                    waiting.append(signal.SIGINT)
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        import papermill
        from jupyter_client.manager import AsyncKernelManager

        kernels, (notebook, executed, parameters) = self._kernels, self.arguments

        class Kernel(AsyncKernelManager):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                kernels.append(self)

        try:
            papermill.execute_notebook(
                notebook, executed, parameters=parameters, progress_bar=False, start_timeout=START,
                kernel_manager_class=Kernel,
            )  # fmt: skip
        except BaseException as error:  # it is raised where it is waited for
            self._error = error
        finally:
            self._done.set()

    def _hand_on(self, number: int) -> bool:
        """Whether there was a kernel's process to have the signal."""
        found = [getattr(kernel.provisioner, "pid", None) for kernel in self._kernels]
        for process in filter(None, found):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        return any(found)
