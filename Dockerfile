# Two images: "serving" answers requests; "worker" has TensorFlow as well, and PostgreSQL's
# client for backups. Build one with: docker build --target serving .

FROM python:3.11-slim-bookworm AS packages
COPY requirements-serving.txt requirements-scale.txt /
# Without pip in it and without the compiled form of what is never imported: 50 MB less.
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes \
        -r /requirements-serving.txt -r /requirements-scale.txt

FROM python:3.11-slim-bookworm AS serving
RUN useradd --uid 10001 --create-home digits && install -d -o digits -g digits /data /data/media
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py pyproject.toml ./
COPY mnistsite mnistsite
COPY classifier classifier
COPY ml ml
COPY fixtures fixtures
COPY docs docs
COPY CHANGELOG.md CONTRIBUTING.md SECURITY.md ./
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite:////data/db.sqlite3 \
    MEDIA_ROOT=/data/media \
    MNIST_LOG_FORMAT=json
# Loads the network once, which compiles what serving imports: nobody can write here later.
RUN DJANGO_SECRET_KEY=build MNIST_PRELOAD=always python manage.py check
USER digits
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000", "--no-worker"]

FROM serving AS worker
USER root
COPY requirements.txt ./
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && pip --python /venv/bin/python install --no-cache-dir --require-hashes \
        -r requirements.txt
USER digits
HEALTHCHECK NONE
CMD ["python", "manage.py", "work"]
