package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.lab.report.RunOutcome;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A guest runner that prints given text and ends in a given way. */
final class ScriptedRunner implements GuestRunner {
  String console = "hello\nPASS scripted\n";
  RunStatus status = RunStatus.PASS;
  RuntimeException refusal;
  BootRequest request;
  RunSettings settings;
  boolean closed;

  @Override
  public GuestRun prepare(BootRequest boot, RunSettings run, ConsoleSink output) {
    request = boot;
    settings = run;
    if (refusal != null) {
      throw refusal;
    }
    return new GuestRun() {
      @Override
      public RunOutcome run() {
        for (byte value : console.getBytes(StandardCharsets.UTF_8)) {
          output.write(value);
        }
        return outcome(status);
      }

      @Override
      public String memoryHash() {
        return "00ff";
      }

      @Override
      public void interrupt() {}

      @Override
      public long instructionsSoFar() {
        return 0;
      }

      @Override
      public void close() {
        closed = true;
      }
    };
  }

  static RunOutcome outcome(RunStatus status) {
    Map<String, Long> exits = new LinkedHashMap<>();
    exits.put("io", 40L);
    exits.put("mmio", 0L);
    exits.put("hlt", 2L);
    RunOutcome.Counts counts =
        new RunOutcome.Counts(
            1_234_567, 12, 345, 0, exits, Map.of("accessed_set", 9L), Map.of("fills", 99L));
    return new RunOutcome(
        status,
        "the guest said so",
        List.of(counts),
        counts,
        Map.of("4k", 345L),
        Map.of("resident_pages", 345L),
        1_234_567,
        500_000_000);
  }
}
