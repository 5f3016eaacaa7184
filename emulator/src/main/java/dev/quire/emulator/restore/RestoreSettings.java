package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostPagePolicy;
import java.time.Duration;
import java.util.function.Function;

/**
 * How to restore, beside the strategy.
 *
 * @param hostPages what backs guest memory
 * @param handler makes the handler of strategies that have one, for the way they answer; null for
 *     the strategy's own
 * @param readers handler threads
 * @param deadline of a handler's silence
 * @param batchPages pages that a loader writes or copies at a time
 * @param warm whether the memory file is in the host's page cache when the restore begins
 * @param logDirty whether the memory slots log dirty pages from the start
 * @param costs prices of modelled time
 */
public record RestoreSettings(
    HostPagePolicy hostPages,
    Function<PageAnswer, UffdHandler> handler,
    int readers,
    Duration deadline,
    int batchPages,
    boolean warm,
    boolean logDirty,
    RestoreCosts costs) {
  public RestoreSettings {
    if (readers < 1 || readers > 64) {
      throw new IllegalArgumentException(readers + " readers: 1 to 64");
    }
    if (deadline.isNegative() || deadline.isZero()) {
      throw new IllegalArgumentException("a deadline of " + deadline + " is over before it begins");
    }
    if (batchPages < 1) {
      throw new IllegalArgumentException("batches of " + batchPages + " pages: 1 or more");
    }
  }

  /** One reader, ten seconds of patience, batches of 2 MiB, nothing cached, nothing logged. */
  public static RestoreSettings of(HostPagePolicy hostPages, RestoreCosts costs) {
    return new RestoreSettings(
        hostPages, null, 1, Duration.ofSeconds(10), 512, false, false, costs);
  }

  public RestoreSettings withHandler(Function<PageAnswer, UffdHandler> other) {
    return new RestoreSettings(
        hostPages, other, readers, deadline, batchPages, warm, logDirty, costs);
  }

  public RestoreSettings withDeadline(Duration other) {
    return new RestoreSettings(
        hostPages, handler, readers, other, batchPages, warm, logDirty, costs);
  }
}
