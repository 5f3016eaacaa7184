package dev.quire.emulator.exec;

import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.Mmu;

/**
 * Executes one vCPU's instructions. Owned by the machine's executor thread, except {@link #kick}.
 *
 * <p>Time is the number of retired instructions: an instruction that faults has not retired, a
 * repeated string instruction retires once per finished iteration (once if it has none).
 */
public interface ExecutionEngine extends FillCache, AutoCloseable {
  /** Connects the MMU that answers fills; once, before the first run. */
  void attach(Mmu mmu);

  /**
   * Gives every access of the guest to {@code measured} from now on; once, before the first run,
   * after {@link #attach}.
   *
   * @param ringRecords accesses kept until they are modelled
   */
  void measure(MeasuredVcpu measured, int ringRecords);

  /**
   * Runs until something needs the host, at most until {@link #retired} equals {@code deadline}.
   * Never runs past it.
   */
  EngineExit run(long deadline);

  /** Instructions retired so far; exact between runs and inside every callback of a run. */
  long retired();

  /** Sets what {@link #retired} says, in a restored machine; before the first run. */
  void setRetired(long instructions);

  /** Counts an instruction that the host performed in the core's stead. */
  void retireOne();

  /**
   * Makes a run end with {@link EngineExit.Kicked} soon: any thread, any time; a kick before a run
   * ends that run at once.
   */
  void kick();

  /** Device pages that one instruction may touch: two operands, each across a page's end. */
  int MOST_BOUNCES = 4;

  /**
   * Performs exactly the instruction at the program counter while the pages at the first {@code
   * count} of {@code vas} are backed by {@link #bounce} of the same index: how an access to a
   * device is carried out by the core itself, whatever the instruction.
   *
   * @return null when the instruction retired, else why it did not
   */
  EngineExit stepThroughBounce(long[] vas, int count);

  /** The 4 KiB windows that {@link #stepThroughBounce} shows to the instruction. */
  BouncePage bounce(int index);

  /** Figures that describe the engine, not the guest. */
  EngineCounters counters();

  /** Drops every translated block, after the host changed code under the guest. */
  void flushCode();

  /**
   * Gives up counting and exact stops for good: from the next {@link #run} on, the core runs as it
   * does alone, up to the next fault, trap or halt. For measuring what counting costs; only sound
   * while the guest executes user code.
   */
  void stopCounting();

  /** Calls an empty native hook for every access from now on: the baseline of measured runs. */
  void hookAccessesInVain();

  @Override
  void close();
}
