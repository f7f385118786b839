#!/bin/bash
# The handler of StreamFunction: the Lambda Web Adapter starts it and sends every event on as a request to $PORT.
export PATH="$PATH:$LAMBDA_TASK_ROOT/bin"
export PYTHONPATH="$LAMBDA_TASK_ROOT:/opt/python:$LAMBDA_RUNTIME_DIR:$PYTHONPATH"
exec python -m uvicorn app:app --host 127.0.0.1 --port "${PORT:-8080}" --no-access-log --timeout-keep-alive 900
