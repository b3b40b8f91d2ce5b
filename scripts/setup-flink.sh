#!/usr/bin/env bash
# Installs a real Apache Flink 2.3.0, the oracle that Millstream's rows are compared with, and
# builds the small program that runs SQL scripts on it (flink/oracle). Everything is kept under
# ~/.cache/millstream (MILLSTREAM_CACHE overrides) and is left alone once it is there.
set -euo pipefail

version=2.3.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${MILLSTREAM_CACHE:-$HOME/.cache/millstream}
venv=$cache/flink-2.3
say() { printf 'setup-flink: %s\n' "$*" >&2; }

if ! command -v javac >/dev/null; then
    say "no Java compiler found: installing openjdk-17-jdk-headless with apt"
    sudo=$(command -v sudo || true)
    $sudo apt-get update -q >&2
    $sudo apt-get install -y -q openjdk-17-jdk-headless >&2
fi

if [ ! -x "$venv/bin/python" ]; then
    say "making a Python environment in $venv"
    mkdir -p "$cache"
    python3 -m venv "$venv" || {
        say "python3 -m venv failed: installing python3-venv with apt"
        sudo=$(command -v sudo || true)
        $sudo apt-get update -q >&2
        $sudo apt-get install -y -q python3-venv >&2
        python3 -m venv "$venv"
    }
fi

# The package `apache-flink` is this distribution plus the Python API and its forty dependencies;
# the oracle speaks Java, so the distribution alone (330 MB) will do.
home=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pyflink
if [ ! -e "$home/lib/flink-dist-$version.jar" ]; then
    say "installing apache-flink-libraries $version with pip (330 MB, once)"
    "$venv/bin/pip" install --quiet --no-deps "apache-flink-libraries==$version" >&2
fi

classes=$cache/flink-oracle
newest=$(ls -t "$here"/flink/oracle/*.java | head -1)
if [ ! -e "$classes/Oracle.class" ] || [ "$newest" -nt "$classes/Oracle.class" ]; then
    say "compiling flink/oracle"
    # The stand-in for a model is apart: a plain Flink knows no model provider.
    mkdir -p "$classes" "$classes-model/META-INF/services"
    javac -nowarn -cp "$home/lib/*" -d "$classes" "$here/flink/oracle/Oracle.java"
    javac -nowarn -cp "$home/lib/*" -d "$classes-model" "$here/flink/oracle/ConstantModel.java"
    echo ConstantModel >"$classes-model/META-INF/services/org.apache.flink.table.factories.Factory"
fi
ln -sfn "$home" "$cache/flink-home"
say "Flink $version is in $cache/flink-home"
