"""Checks that Dockerfile, .dockerignore, docker-compose.yml and config/docker.toml agree.

No container engine is needed: it reads the files as the engine would. Prints every problem it
finds and exits with 1 when there is one.
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

import yaml

SECRETS = "/run/secrets/"
HEALTH = ["/usr/local/bin/attio-relay", "healthcheck"]

problems = []


def check(claim, problem):
    """Notes `problem` unless `claim` holds."""
    if not claim:
        problems.append(problem)


def instructions(text):
    """The Dockerfile's stages: for each, a list of (word, rest of the line)."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M)
    text = re.sub(r"\\\n\s*", " ", text)
    stages = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, rest = line.split(None, 1)
        if word.upper() == "FROM":
            stages.append([])
        stages[-1].append((word.upper(), rest))
    return stages


def only(stage, word):
    """What the stage's last `word` instruction says; empty without one."""
    return next((rest for name, rest in reversed(stage) if name == word), "")


def pattern(glob):
    """A .dockerignore pattern, which also matches all that lies below."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    split = re.split(r"(\*\*/|\*\*|\*|\?)", glob.strip("/"))
    return re.compile("".join(parts.get(part, re.escape(part)) for part in split) + "(?:/.*)?$")


def is_ignored(path, rules):
    """Whether the builder never sees `path`: the last rule that matches decides."""
    ignored = False
    for rule in rules:
        if pattern(rule.lstrip("!")).match(path):
            ignored = not rule.startswith("!")
    return ignored


def copies(stage):
    """(flags, sources, destination) of each COPY."""
    for word, rest in stage:
        if word == "COPY":
            words = shlex.split(rest)
            flags = [part for part in words if part.startswith("--")]
            paths = [part for part in words if not part.startswith("--")]
            yield flags, paths[:-1], paths[-1]


def check_context(stages, rules):
    """Every path that is copied exists and reaches the builder; answers these paths."""
    names = [only(stage, "FROM").split(" AS ")[-1].strip() for stage in stages]
    copied = set()
    for number, stage in enumerate(stages):
        for flags, sources, _ in copies(stage):
            origin = [flag.removeprefix("--from=") for flag in flags if flag.startswith("--from=")]
            if origin:
                check(origin[0] in names[:number], f"Dockerfile: no stage {origin[0]} to copy from")
                continue
            for source in sources:
                check(pathlib.Path(source).exists(), f"Dockerfile copies {source}: no such path")
                check(not is_ignored(source, rules), f".dockerignore hides {source} from a COPY")
                copied.add(source)
    check(is_ignored("secrets/database_url", rules), ".dockerignore lets secrets through")
    return copied


def check_embedded(copied):
    """What the sources embed when they are compiled is copied too."""
    calls = re.compile(r'(include_str|include_bytes|migrate)!\(\s*"([^"]+)"')
    root = pathlib.Path.cwd()
    for file in pathlib.Path("src").rglob("*.rs"):
        code = file.read_text().split("#[cfg(test)]")[0]
        for macro, path in calls.findall(code):
            base = root if macro == "migrate" else file.parent
            path = (base / path).resolve().relative_to(root)
            there = any(str(parent) in copied for parent in (path, *path.parents))
            check(there, f"{file} embeds {path}, which the Dockerfile does not copy")


def check_manifest(stage, copied):
    """The builder has the compiler that the manifest asks for, and the manifest's files."""
    manifest = tomllib.loads(pathlib.Path("Cargo.toml").read_text())
    version = manifest["package"]["rust-version"]
    check(f"rust:{version}-" in only(stage, "FROM"), f"Dockerfile: not built with Rust {version}")
    build = only(stage, "RUN")
    check("--locked" in build and "--release" in build, "Dockerfile: build --locked --release")
    for target in manifest.get("bench", []) + manifest.get("test", []):
        folder = target.get("path", "benches").split("/")[0]
        check(folder in copied, f"Cargo.toml names {folder}/, which the Dockerfile does not copy")


def check_image(stage, ports, config):
    """The last stage: a user without rights, the right ports, the right health check."""
    user = only(stage, "USER").split(":")[0]
    check(user.isdigit() and int(user) > 0, "Dockerfile: USER must be a number above 0")
    exposed = {int(port) for port in only(stage, "EXPOSE").split()}
    check(exposed == ports, f"Dockerfile exposes {exposed}, {config} listens on {ports}")
    check(only(stage, "STOPSIGNAL") == "SIGTERM", "Dockerfile: STOPSIGNAL must be SIGTERM")
    command = only(stage, "HEALTHCHECK").partition("CMD")[2]
    check(command and json.loads(command) == HEALTH, f"Dockerfile: HEALTHCHECK must run {HEALTH}")
    entry = json.loads(only(stage, "ENTRYPOINT") or "[]")
    check(entry == HEALTH[:1], f"Dockerfile: ENTRYPOINT must be {HEALTH[:1]}")
    check(not re.search(r":latest|^[^:@]+$", only(stage, "FROM")), "Dockerfile: pin the base image")
    placed = {to for _, sources, to in copies(stage) if config in sources}
    named = only(stage, "ENV").partition("ATTIO_RELAY_CONFIG=")[2]
    check(named in placed, f"Dockerfile: ATTIO_RELAY_CONFIG is {named!r}, not where {config} goes")
    return named


def check_relay(relay, ports, admin_port, config_path):
    """The relay's service: as little right as it needs, and time to stop in order."""
    check(relay.get("read_only") is True, "compose: relay must be read_only")
    check("/tmp" in relay.get("tmpfs", []), "compose: relay needs a tmpfs at /tmp")
    check(relay.get("cap_drop") == ["ALL"], "compose: relay must drop ALL capabilities")
    check("no-new-privileges:true" in relay.get("security_opt", []), "compose: no-new-privileges")
    check(relay.get("stop_grace_period") == "60s", "compose: relay's stop_grace_period must be 60s")
    check(relay.get("user", "65532") not in ("root", "0", 0), "compose: relay must not be root")
    test = relay.get("healthcheck", {}).get("test", ["CMD", *HEALTH])
    check(test == ["CMD", *HEALTH], f"compose: relay's health check must run {HEALTH}")
    wait = relay.get("depends_on", {}).get("postgres", {}).get("condition")
    check(wait == "service_healthy", "compose: relay must wait for a healthy postgres")
    published = [entry.split(":") for entry in relay.get("ports", [])]
    inner = {int(entry[-1]) for entry in published}
    check(inner == ports, f"compose publishes {inner}, the configuration listens on {ports}")
    for entry in published:
        if int(entry[-1]) == admin_port:
            check(entry[0] == "127.0.0.1", "compose: the private port only on 127.0.0.1")
    mounts = dict(entry.split(":")[1::-1] for entry in relay.get("volumes", []))
    folder, _, name = config_path.rpartition("/")
    source = pathlib.Path(mounts.get(folder, "nowhere"), name)
    check(source == pathlib.Path("config/docker.toml"), "compose: config/ is not mounted where read")


def check_secrets(compose, text):
    """Every secret that is read is handed over, and every one handed over is a file in secrets/."""
    used = set(re.findall(re.escape(f"file:{SECRETS}") + r"(\w+)", text))
    given = set(compose["services"]["relay"].get("secrets", []))
    check(used == given, f"config/docker.toml reads {used}, compose hands over {given}")
    for name, service in compose["services"].items():
        for secret in service.get("secrets", []):
            file = compose.get("secrets", {}).get(secret, {}).get("file")
            check(file == f"./secrets/{secret}", f"compose: {name}'s {secret} is not in ./secrets")
        for key, value in service.get("environment", {}).items():
            is_file = str(value).startswith(SECRETS)
            check("PASSWORD" not in key or is_file, f"compose: {name}'s {key} stands in clear")
    ignored = pathlib.Path(".gitignore").read_text().splitlines()
    check("/secrets" in ignored, ".gitignore: secrets could be committed")


def check_postgres(service):
    """Postgres: a fixed major version, data that outlives the container, a health check."""
    check(re.match(r"postgres:\d+(-|$)", service.get("image", "")), "compose: pin Postgres' major")
    check(service.get("healthcheck"), "compose: postgres needs a health check")
    check(service.get("volumes"), "compose: postgres' data would be lost with its container")
    check("ports" not in service, "compose: postgres must not be published")


def check_compose_by_docker():
    """Where the real parser is there, it has the last word."""
    probe = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if probe.returncode == 0:
        run = subprocess.run(["docker", "compose", "config", "-q"], capture_output=True, text=True, check=False)
        check(run.returncode == 0, f"docker compose config: {run.stderr.strip()}")


def main():
    config = "config/docker.toml"
    text = pathlib.Path(config).read_text()
    server = tomllib.loads(text)["server"]
    public, private = (int(server[key].rpartition(":")[2]) for key in ("listen", "admin_listen"))
    stages = instructions(pathlib.Path("Dockerfile").read_text())
    lines = pathlib.Path(".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    compose = yaml.safe_load(pathlib.Path("docker-compose.yml").read_text())

    copied = check_context(stages, rules)
    check_embedded(copied)
    check_manifest(stages[0], copied)
    config_path = check_image(stages[-1], {public, private}, config)
    check_relay(compose["services"]["relay"], {public, private}, private, config_path)
    check_secrets(compose, text)
    check_postgres(compose["services"]["postgres"])
    try:
        check_compose_by_docker()
    except FileNotFoundError:
        pass

    for problem in problems:
        print(f"check-ship: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
