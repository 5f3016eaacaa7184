package dev.quire.lab.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A stand-in for the program that a sweep starts: a shell script that squares a number. */
final class FakeQuire {
  static final Map<String, CommandShape> COMMANDS =
      Map.of(
          "tlb",
          new CommandShape(Set.of("pages", "host-pages", "seed", "stream"), Set.of("native")));

  /**
   * Cells 13 fail, cells 14 print what is no JSON, cells 15 hang, cells 16 are ended from outside,
   * cells 9 if told to.
   */
  private static final String SCRIPT =
      """
      log=$1
      shift
      for a in "$@"; do case $a in --pages=*) p=${a#--pages=} ;; --host-pages=*) h=${a#*=} ;; esac; done
      echo "$p $h" >>"$log"
      echo '{"kind":"manifest","version":"x"}'
      case $p in
        13) echo first >&2; echo 'bad luck' >&2; exit 7 ;;
        14) echo 'not JSON' ; exit 0 ;;
        15) exec sleep 60 ;;
        16) kill -TERM $$ ;;
        9) [ ! -e "$log.hang" ] || exec sleep 60 ;;
      esac
      sleep 0.05
      echo "{\\"kind\\":\\"point\\",\\"axes\\":{\\"pages\\":$p},\\"figures\\":{\\"square\\":$((p * p))}}"
      """;

  private final Path log;
  private final List<String> prefix;

  FakeQuire(Path folder) throws IOException {
    log = folder.resolve("log");
    Files.writeString(log, "");
    Path script = Files.writeString(folder.resolve("fake.sh"), SCRIPT);
    prefix = List.of("/bin/sh", script.toString(), log.toString());
  }

  List<String> prefix() {
    return prefix;
  }

  /** Whether cells 9 hang. */
  void setHanging(boolean hanging) throws IOException {
    Path file = Path.of(log + ".hang");
    if (hanging) {
      Files.createFile(file);
    } else {
      Files.delete(file);
    }
  }

  /** What was run, a line a cell, in no order. */
  List<String> ran() throws IOException {
    return Files.readAllLines(log);
  }

  static SweepSpec spec(String pages) {
    return SweepSpec.read(
        "s.yaml",
        "command: tlb\naxes:\n  pages: [" + pages + "]\n  host-pages: [4k, thp]\n",
        COMMANDS);
  }

  static Map<String, Object> manifest(SweepSpec spec) {
    Map<String, Object> manifest = new LinkedHashMap<>();
    manifest.put("version", "1");
    manifest.put("commit", "c0ffee");
    manifest.put("host", "here");
    manifest.put("seed", 1L);
    manifest.put("config", spec.config());
    return manifest;
  }

  /** Runs a shard to its end and gives the file's content without wall-clock time. */
  String run(SweepSpec spec, Path out, Shard shard) throws IOException {
    List<SweepCell> cells = spec.cells(1).stream().filter(shard::has).toList();
    try (SweepResults results = SweepResults.open(out, manifest(spec), false)) {
      SweepRunner runner = new SweepRunner(prefix, spec.timeoutSeconds(), (cell, exit) -> {});
      if (!runner.run(cells, results, 3)) {
        throw new IllegalStateException("stopped");
      }
      results.finish();
    }
    return withoutWallClock(Files.readString(out));
  }

  static String withoutWallClock(String text) {
    return text.replaceAll(",\"wall_ns\":\\d+", "");
  }
}
