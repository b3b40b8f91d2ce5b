import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/**
 * Runs Flink SQL scripts on a real Flink, in this process, and prints what came out.
 *
 * <p>The oracle of Millstream's conformance: streaming mode, parallelism 1, a watermark for every
 * row that raises it, time zone UTC, no restarts, so that a script has one answer. A script may
 * change any of it by {@code SET}.
 *
 * <p>Each script has a session of its own. For a query it prints the resolved columns with their
 * types, then every change as Flink's {@code Row.toString} writes it ({@code +I[a, 1]}); an
 * {@code INSERT} or a statement set is run to its end. A statement that fails prints the chain of
 * causes and, unless {@code --keep-going}, ends its script. Exit code 1 if any statement failed.
 */
public final class Oracle {
    private static final Pattern SET = Pattern.compile(
            "(?is)SET\\s+'([^']*)'\\s*=\\s*'((?:[^']|'')*)'");
    private static final Pattern RESET = Pattern.compile("(?is)RESET\\s+'([^']*)'");

    public static void main(String[] args) throws Exception {
        boolean keepGoing = false;
        boolean quiet = false;
        List<Path> scripts = new ArrayList<>();
        for (String arg : args) {
            switch (arg) {
                case "--keep-going" -> keepGoing = true;
                case "--quiet" -> quiet = true;
                default -> scripts.add(Path.of(arg));
            }
        }
        if (scripts.isEmpty()) {
            System.err.println("usage: run [--keep-going] [--quiet] SCRIPT.sql...");
            System.exit(2);
        }
        boolean failed = false;
        for (Path script : scripts) {
            if (!quiet) {
                System.out.println("### " + script);
            }
            failed |= !runScript(Files.readString(script, StandardCharsets.UTF_8), keepGoing, quiet);
        }
        // The mini-cluster leaves threads behind that would keep the process alive.
        System.out.flush();
        System.exit(failed ? 1 : 0);
    }

    private static boolean runScript(String text, boolean keepGoing, boolean quiet) {
        Configuration configuration = new Configuration();
        Map<String, String> defaults = new LinkedHashMap<>();
        defaults.put("parallelism.default", "1");
        defaults.put("pipeline.auto-watermark-interval", "0");
        defaults.put("table.local-time-zone", "UTC");
        defaults.put("restart-strategy.type", "none");
        defaults.put("taskmanager.memory.network.min", "64mb");
        // In memory, where it would be otherwise, a checkpoint may not hold more than 5 MB.
        defaults.put("execution.checkpointing.storage", "filesystem");
        defaults.put("execution.checkpointing.dir", checkpoints());
        defaults.forEach(configuration::setString);
        List<String> statements = split(text);
        // What a script sets first holds for the cluster too, which begins with the environment.
        for (String statement : statements) {
            Matcher set = SET.matcher(statement);
            if (!set.matches()) {
                break;
            }
            configuration.setString(set.group(1), set.group(2).replace("''", "'"));
        }
        TableEnvironment environment = TableEnvironment.create(
                EnvironmentSettings.newInstance()
                        .inStreamingMode()
                        .withConfiguration(configuration)
                        .build());
        boolean ok = true;
        for (String statement : statements) {
            try {
                execute(environment, statement, quiet);
            } catch (Throwable error) {
                ok = false;
                System.out.println("error in: " + firstLine(statement));
                for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                    System.out.println("  " + cause.getClass().getSimpleName() + ": "
                            + String.valueOf(cause.getMessage()).strip().replace("\n", "\n    "));
                }
                if (!keepGoing) {
                    return false;
                }
            }
        }
        return ok;
    }

    /** A folder for checkpoints, gone when this process ends. */
    private static String checkpoints() {
        try {
            Path folder = Files.createTempDirectory("flink-oracle-");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                try (var files = Files.walk(folder)) {
                    files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
                } catch (IOException error) {
                    // A leftover in the temporary folder harms nobody.
                }
            }));
            return folder.toUri().toString();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void execute(TableEnvironment environment, String statement, boolean quiet)
            throws Exception {
        Matcher set = SET.matcher(statement);
        if (set.matches()) {
            environment.getConfig().set(set.group(1), set.group(2).replace("''", "'"));
            return;
        }
        Matcher reset = RESET.matcher(statement);
        if (reset.matches()) {
            throw new IllegalArgumentException("RESET is not supported by the oracle");
        }
        long begun = System.nanoTime();
        TableResult result = environment.executeSql(statement);
        String head = statement.strip().toUpperCase(Locale.ROOT);
        if (head.startsWith("INSERT") || head.startsWith("EXECUTE")) {
            result.await();
            if (!quiet) {
                long millis = (System.nanoTime() - begun) / 1_000_000;
                System.out.println("-- done in " + millis + " ms: " + firstLine(statement));
            }
            return;
        }
        boolean query = head.startsWith("SELECT") || head.startsWith("WITH")
                || head.startsWith("VALUES") || head.startsWith("(");
        boolean shows = head.startsWith("EXPLAIN") || head.startsWith("SHOW")
                || head.startsWith("DESC");
        if (!query && !shows) {
            return;
        }
        if (query && !quiet) {
            System.out.println("-- " + result.getResolvedSchema().getColumns().stream()
                    .map(column -> column.getName() + " "
                            + column.getDataType().getLogicalType().asSummaryString())
                    .collect(Collectors.joining(", ")));
        }
        try (CloseableIterator<Row> rows = result.collect()) {
            while (rows.hasNext()) {
                Row row = rows.next();
                System.out.println(query || row.getArity() > 1 ? row.toString() : String.valueOf(row.getField(0)));
            }
        }
    }

    /**
     * The statements of a script. A semicolon ends one unless it stands in a quote, a comment or
     * a statement set, which ends with {@code ; END}.
     */
    static List<String> split(String text) {
        List<String> statements = new ArrayList<>();
        StringBuilder current = new StringBuilder();
        int at = 0;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '-' && text.startsWith("--", at)) {
                int end = text.indexOf('\n', at);
                at = end < 0 ? text.length() : end;
            } else if (c == '/' && text.startsWith("/*", at) && !text.startsWith("/*+", at)) {
                int end = text.indexOf("*/", at);
                at = end < 0 ? text.length() : end + 2;
            } else if (c == '\'' || c == '`') {
                int end = text.indexOf(c, at + 1);
                end = end < 0 ? text.length() : end + 1;
                current.append(text, at, end);
                at = end;
            } else if (c == ';' && !insideStatementSet(current)) {
                add(statements, current);
                at++;
            } else {
                current.append(c);
                at++;
            }
        }
        add(statements, current);
        return statements;
    }

    private static boolean insideStatementSet(CharSequence statement) {
        String text = statement.toString().strip().toUpperCase(Locale.ROOT);
        return text.matches("(?s)EXECUTE\\s+STATEMENT\\s+SET\\b.*")
                && !text.matches("(?s).*;\\s*END");
    }

    private static void add(List<String> statements, StringBuilder current) {
        if (!current.toString().isBlank()) {
            statements.add(current.toString().strip());
        }
        current.setLength(0);
    }

    private static String firstLine(String statement) {
        return statement.lines().findFirst().orElse("");
    }
}
