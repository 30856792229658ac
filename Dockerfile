# gwanje in one image. BASE is any Debian-like image with Python 3.11 or newer and its venv module.
# A site without PyPI fills wheels/ in the build context (`pip download -r requirements/server.txt -r requirements/build.txt
# -d wheels`); a page that is already built and current is taken as it is.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_REQUIRE_HASHES=1
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/gwanje
WORKDIR /build
COPY LICENSE wheels* wheels/
COPY requirements requirements
RUN if ls wheels/*.whl >/dev/null 2>&1; then printf '[global]\nno-index = true\nfind-links = /build/wheels\n' >/etc/pip.conf; fi \
    && /opt/build/bin/pip install -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/gwanje/bin/python install -r requirements/server.txt
COPY . .
RUN /opt/build/bin/python -m hatchling build -t wheel \
    && PIP_REQUIRE_HASHES=0 /opt/build/bin/pip --python /opt/gwanje/bin/python install --no-deps --no-index dist/*.whl

FROM ${BASE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data gwanje \
    && install -d -o gwanje -g gwanje -m 750 /data
COPY --from=build /opt/gwanje /opt/gwanje
ENV PATH=/opt/gwanje/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GWANJE_LISTEN=0.0.0.0:8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["gwanje"]
CMD ["up", "/data"]
