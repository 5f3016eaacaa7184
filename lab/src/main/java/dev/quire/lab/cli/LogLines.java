package dev.quire.lab.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * A line for each event of the log: time, level, who says it, what. Only a defect's stack trace
 * takes more. Any thread.
 */
final class LogLines extends Formatter {
  /** Has all that is logged from now on look so. */
  static void install() {
    for (Handler handler : Logger.getLogger("").getHandlers()) {
      handler.setFormatter(new LogLines());
    }
  }

  @Override
  public String format(LogRecord record) {
    String logger = record.getLoggerName();
    StringBuilder line = new StringBuilder(120);
    line.append(record.getInstant()).append(' ').append(record.getLevel().getName()).append(' ');
    line.append(logger == null ? "-" : logger.substring(logger.lastIndexOf('.') + 1)).append(' ');
    int from = line.length();
    line.append(formatMessage(record));
    for (int at = from; at < line.length(); at++) {
      // What a client sent may be part of it.
      if (Character.isISOControl(line.charAt(at))) {
        line.setCharAt(at, '?');
      }
    }
    line.append('\n');
    if (record.getThrown() != null) {
      StringWriter trace = new StringWriter();
      record.getThrown().printStackTrace(new PrintWriter(trace));
      line.append(trace);
    }
    return line.toString();
  }
}
