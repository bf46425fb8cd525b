"""Executing a py:percent notebook with parameters, through papermill, strictly."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from depthlib.errors import DepthError
from depthlib.files import writable_folder, write_whole
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
    """
    try:
        import jupytext
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError
    except ImportError as error:
        raise DepthError(
            f"{error.name} is not installed; `pip install 'depthlib-course[notebooks,plots]'`. "
            "`depthlib train` does the same without a notebook."
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
        try:
            papermill.execute_notebook(
                str(notebook), str(executed), parameters=parameters, progress_bar=False, start_timeout=START
            )
        except (PapermillExecutionError, DeadKernelError) as error:
            failed = target.with_suffix(".failed.ipynb")
            write_whole(failed, lambda partial: shutil.copyfile(executed, partial))
            what = (
                f"{error.ename}: {error.evalue}"
                if isinstance(error, PapermillExecutionError)
                else "its process was ended from outside, most often for want of memory."
            )
            raise DepthError(f"{source.name}: {what} The cells up to there: {failed}") from error
        except RuntimeError as error:  # nothing has run yet; the ports that it chose may have been taken meanwhile
            raise DepthError(
                f"{source.name}: its kernel did not start ({error}). The same command tries again."
            ) from error
        write_whole(target, lambda partial: shutil.copyfile(executed, partial))
    target.with_suffix(".failed.ipynb").unlink(missing_ok=True)
    return target
