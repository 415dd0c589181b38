# docker build -t stitch . ; then see compose.yaml and docs/docker.md
FROM python:3.12-slim

RUN useradd --uid 10001 --create-home stitch \
    && install -d -o stitch -g stitch /photos /gallery

WORKDIR /opt/stitch
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY release ./release
COPY src ./src
RUN python -m pip install --no-cache-dir --disable-pip-version-check '.[server]'
COPY docker/entrypoint.sh /usr/local/bin/entrypoint.sh

USER stitch
VOLUME ["/gallery"]
EXPOSE 8000
# a large folder is indexed before the server listens
HEALTHCHECK --interval=30s --timeout=5s --start-period=60m \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
