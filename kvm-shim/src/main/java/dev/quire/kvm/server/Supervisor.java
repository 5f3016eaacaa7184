package dev.quire.kvm.server;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Keeps the deadlines: looks at all processes once a second. A thread of its own. */
final class Supervisor implements AutoCloseable {
  private static final Logger LOG = System.getLogger(Supervisor.class.getName());
  private static final long MOST_PERIOD_MS = 1000;
  private static final long LEAST_PERIOD_MS = 20;
  private static final long NANOS_PER_MILLI = 1_000_000;

  private final KvmServer server;
  private final Thread thread;
  private final long period;
  private final Set<Long> hanging = new HashSet<>();

  /** By process: of those whose thread was once busy with one step from one look to the next. */
  private final Map<Long, StepDeadline> deadlines = new HashMap<>();

  Supervisor(KvmServer server) {
    this.server = server;
    period = period(server.settings());
    thread = new Thread(this::watch, "kvm-supervisor");
    thread.setDaemon(true);
    thread.start();
  }

  private static long period(ServerSettings settings) {
    long shortest = Math.min(settings.hang().toMillis(), settings.hello().toMillis());
    if (settings.idle().isPositive()) {
      shortest = Math.min(shortest, settings.idle().toMillis());
    }
    return Math.clamp(shortest / 4, LEAST_PERIOD_MS, MOST_PERIOD_MS);
  }

  private void watch() {
    try {
      while (true) {
        Thread.sleep(period);
        look();
      }
    } catch (InterruptedException e) {
      // The service ends.
      Thread.currentThread().interrupt();
    }
  }

  private void look() {
    ServerSettings settings = server.settings();
    long now = System.nanoTime();
    deadlines.keySet().removeIf(id -> !server.has(id));
    hanging.removeIf(id -> !server.has(id));
    for (ClientProcess process : server.processes()) {
      if (hangs(process, now)) {
        if (hanging.add(process.id())) {
          LOG.log(Level.ERROR, "process={0,number,#} event=hangs", process.id());
          server.metrics().hang();
          server.cut(process);
          process.close();
        }
      } else if (settings.idle().isPositive()
          && process.silentNs(now) > settings.idle().toNanos()) {
        LOG.log(Level.INFO, "process={0,number,#} event=idle", process.id());
        process.close();
      } else {
        process.checkFrames(now, settings.hello().toNanos());
      }
    }
  }

  private boolean hangs(ClientProcess process, long now) {
    long since = process.busySince();
    if (since == 0 || now - since < period * NANOS_PER_MILLI) {
      return false;
    }
    StepDeadline deadline =
        deadlines.computeIfAbsent(
            process.id(), id -> new StepDeadline(server.settings().hang().toNanos()));
    return deadline.isPassed(now, since, cpuNs(process.thread()));
  }

  private static long cpuNs(Thread thread) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    return threads.isThreadCpuTimeSupported() ? threads.getThreadCpuTime(thread.threadId()) : -1;
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
