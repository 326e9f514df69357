"""What Kafka and Connect have in common: a JVM with a class path, a bounded heap, and a log on standard output."""

from .process import Process

LOG4J = """status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %-5p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""


def java(name, directory, libs, main, args, *, heap, quick=True):
    """A process that runs a main class; its log is <name>.log in the directory."""
    logging = directory / "log4j2.properties"
    logging.write_text(LOG4J)
    return Process(name, command(libs, main, args, heap=heap, logging=logging, quick=quick), directory / f"{name}.log",
                   cwd=directory)


def command(libs, main, args, *, heap="256m", logging=None, quick=True):
    # The serial collector and the first compiler only: a JVM of a test starts often and shares two cores. A JVM that is
    # measured is as its makers ship it.
    return ["java", f"-Xmx{heap}", *(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"] if quick else []),
            *([f"-Dlog4j2.configurationFile={logging}"] if logging else []),
            "-cp", f"{libs}/*", main, *args]


def properties(path, values):
    """Write a Java properties file."""
    def text(value):
        return str(value).lower() if isinstance(value, bool) else str(value).replace("\\", "\\\\")
    path.write_text("".join(f"{key}={text(value)}\n" for key, value in values.items()))
    return path
