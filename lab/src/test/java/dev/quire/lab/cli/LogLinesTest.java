package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import org.junit.jupiter.api.Test;

class LogLinesTest {
  private static LogRecord record(String message, Object... parameters) {
    LogRecord record = new LogRecord(Level.WARNING, message);
    record.setInstant(Instant.parse("2025-11-22T07:08:09.123Z"));
    record.setLoggerName("dev.quire.kvm.server.KvmServer");
    record.setParameters(parameters);
    return record;
  }

  @Test
  void anEventIsALineWhateverStandsInIt() {
    LogRecord record = record("event=refused reason=\"{0}\"", "a\nb\u001b[2J");
    assertThat(new LogLines().format(record))
        .isEqualTo("2025-11-22T07:08:09.123Z WARNING KvmServer event=refused reason=\"a?b?[2J\"\n");
  }

  @Test
  void aDefectHasItsStackTraceBehindIt() {
    LogRecord record = record("event=defect");
    record.setThrown(new IllegalStateException("broken"));
    assertThat(new LogLines().format(record).lines())
        .startsWith(
            "2025-11-22T07:08:09.123Z WARNING KvmServer event=defect",
            "java.lang.IllegalStateException: broken")
        .hasSizeGreaterThan(2);
  }
}
