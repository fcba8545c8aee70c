# The command in a container, of nothing but the package: npm pack && docker build -t gotrace-core .
#   docker run --rm -v /var/crash:/var/crash:ro gotrace-core /var/crash/core.1234
# Files of the crashed machine are mounted too, and named with --sysroot or --exe. What the package uses is inside of
# it: nothing is fetched.
FROM node:24-slim
COPY gotrace-core-*.tgz /tmp/gotrace-core.tgz
RUN npm install --global --offline --omit=dev --no-audit --no-fund /tmp/gotrace-core.tgz && rm /tmp/gotrace-core.tgz
USER node
ENTRYPOINT ["gotrace-core"]
