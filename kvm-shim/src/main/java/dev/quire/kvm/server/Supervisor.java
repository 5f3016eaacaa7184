package dev.quire.kvm.server;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.HashSet;
import java.util.Set;

/** Keeps the deadlines: looks at all processes once a second. A thread of its own. */
final class Supervisor implements AutoCloseable {
  private static final Logger LOG = System.getLogger(Supervisor.class.getName());
  private static final long MOST_PERIOD_MS = 1000;
  private static final long LEAST_PERIOD_MS = 20;

  private final KvmServer server;
  private final Thread thread;
  private final Set<Long> hanging = new HashSet<>();

  Supervisor(KvmServer server) {
    this.server = server;
    thread = new Thread(this::watch, "kvm-supervisor");
    thread.setDaemon(true);
    thread.start();
  }

  private void watch() {
    ServerSettings settings = server.settings();
    long shortest = Math.min(settings.hang().toMillis(), settings.hello().toMillis());
    if (settings.idle().isPositive()) {
      shortest = Math.min(shortest, settings.idle().toMillis());
    }
    long period = Math.clamp(shortest / 4, LEAST_PERIOD_MS, MOST_PERIOD_MS);
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
    for (ClientProcess process : server.processes()) {
      if (process.busyNs(now) > settings.hang().toNanos()) {
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

  @Override
  public void close() {
    thread.interrupt();
  }
}
