#!/bin/sh
# The steps of the image builds, with the repository mounted at /repository and the result in /app.
#
#   stage.sh manifests       what npm ci reads: a change of the code leaves it, and so the next step, as it was
#   stage.sh packages NAME…  the production dependencies of these workspaces, and links to the workspaces they use
#   stage.sh git yes|no      Git and certificates, or neither
#   stage.sh claude-code VERSION  Claude Code in /opt/claude-code, as the lock file in /locked has it; none without a version
#   stage.sh compiled PROGRAM  what Node compiles of a service when it starts
#   stage.sh sources FOLDER  the code of the workspaces that FOLDER, a node_modules, links to
set -eu

image=$(cd "$(dirname "$0")" && pwd)

export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false npm_config_loglevel=error

case "$1" in
  manifests)
    cd /repository
    cp --parents package.json package-lock.json ./*/*/package.json /app/
    ;;
  packages)
    shift
    for name in "$@"; do set -- "$@" "--workspace=$name"; shift; done
    cd /app
    "$image/persist.sh" npm ci --omit=dev "$@"
    # What has no use in an image: the embedded Redis of `cc-executor up`, and a compiler that is here only because a
    # package says that it would get along with one.
    rm -rf node_modules/js-redis-server node_modules/lua-redis-wasm node_modules/typescript node_modules/@typescript
    # Half of all files: types, sources and maps of what runs, which Node never reads.
    find node_modules -type f \( -name '*.ts' -o -name '*.[cm]ts' -o -name '*.map' \
      -o -iname 'readme*.md' -o -iname 'changelog*.md' -o -iname 'history*.md' \) -delete
    ;;
  git)
    [ "$2" = yes ] || exit 0
    # As one: lists that could not be fetched are no failure of the first, but of the second.
    "$image/persist.sh" sh -c 'apt-get -qq update && apt-get -qq install -y --no-install-recommends ca-certificates git'
    rm -rf /var/lib/apt/lists/*
    ;;
  claude-code)
    mkdir -p /opt/claude-code
    [ -n "$2" ] || exit 0
    cd /opt/claude-code
    cp /locked/package.json /locked/package-lock.json .
    locked=$(node -p 'require("./package.json").dependencies["@anthropic-ai/claude-code"]')
    if [ "$2" != "$locked" ]; then
      echo "CLAUDE_CODE_VERSION is $2, and tools/claude-code locks $locked. Ask for that one, or lock another:" >&2
      echo "npm install --prefix tools/claude-code --package-lock-only --save-exact @anthropic-ai/claude-code@$2" >&2
      exit 64
    fi
    "$image/persist.sh" npm ci
    node_modules/.bin/claude --version
    ;;
  compiled)
    cd /app
    # Node looks only at what its own user compiled, here before anybody could change it.
    install -d -o node compiled
    status=0
    # With the flags that it is run with: what is compiled with others is no use then.
    # The service loads all that it is made of, says what is wrong with its settings, and ends.
    setpriv --reuid=node --regid=node --clear-groups \
      env LOG_LEVEL=none node --max-semi-space-size=8 --import ./compile-cache.mjs "$2" 2>/tmp/said || status=$?
    [ "$status" = 78 ] && [ -n "$(ls -A compiled/*)" ] || { cat /tmp/said >&2; exit 1; }
    rm /tmp/said
    chown -R root:root compiled
    chmod -R a+rX compiled
    ;;
  sources)
    cd /repository
    # Real folders outside of node_modules: inside it Node does not strip types.
    find "$2" -maxdepth 2 -type l -path "$2/*" -printf '%l\n' | sed 's#^\(\.\./\)*##' | sort | while read -r folder; do
      case "$folder" in apps/* | libs/*) cp --parents --recursive "$folder" /app/ ;; esac
    done
    cp package.json /app/
    ;;
  *)
    sed -n '2,9p' "$0" >&2
    exit 64
    ;;
esac
