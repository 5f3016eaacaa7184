package dev.quire.emulator.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Random hostile use of a whole board: accesses of any width and value at interesting and senseless
 * places, input, and time. Every answer goes to a transcript, so that two boards can be compared.
 */
public final class BoardTrial {
  /** The longest a trial lets time run at once, so that a 1 ns timer of a guest stays bounded. */
  private static final int MAX_STEP_NANOS = 20_000;

  private final Random random;
  private final DeviceBus bus;
  private final TestTime time;
  private final int[] currentCpu;
  private final int cpus;
  private final int[] ports;
  private Runnable betweenSteps = () -> {};
  private final List<String> transcript = new ArrayList<>();

  public BoardTrial(
      long seed, DeviceBus bus, TestTime time, int[] currentCpu, int cpus, int... ports) {
    random = new Random(seed);
    this.bus = bus;
    this.time = time;
    this.currentCpu = currentCpu;
    this.cpus = cpus;
    this.ports = ports;
  }

  public List<String> transcript() {
    return transcript;
  }

  /** What the vCPUs do between two steps: devices may only be asked for interrupts there. */
  public void betweenSteps(Runnable action) {
    betweenSteps = action;
  }

  public void note(String what) {
    transcript.add(time.nowNanos() + " " + what);
  }

  public void run(int steps) {
    for (int step = 0; step < steps; step++) {
      currentCpu[0] = random.nextInt(cpus);
      int kind = random.nextInt(8);
      if (kind == 0) {
        time.run(random.nextInt(MAX_STEP_NANOS));
      } else if (kind < 4 && ports.length > 0) {
        usePort();
      } else {
        useMmio();
      }
      betweenSteps.run();
    }
  }

  private void usePort() {
    int port = ports[random.nextInt(ports.length)] + random.nextInt(10) - 1;
    int bytes = 1 << (random.nextInt(8) == 0 ? 1 + random.nextInt(2) : 0);
    if (random.nextBoolean()) {
      note("in %x = %x".formatted(port, bus.readPort(port, bytes)));
    } else {
      bus.writePort(port, bytes, value());
    }
  }

  private void useMmio() {
    List<DeviceBus.MmioRange> ranges = bus.mmioRanges();
    DeviceBus.MmioRange range = ranges.get(random.nextInt(ranges.size()));
    int span = (int) Math.min(range.bytes(), random.nextInt(10) == 0 ? range.bytes() : 0x1000);
    long offset = random.nextInt(span);
    offset &= random.nextInt(6) == 0 ? -1 : -16L | random.nextInt(4) << 2;
    int bytes = random.nextInt(6) == 0 ? 1 << random.nextInt(4) : 4;
    long gpa = range.baseGpa() + offset;
    if (random.nextBoolean()) {
      note("read %x/%d = %x".formatted(gpa, bytes, bus.read(gpa, bytes)));
    } else {
      bus.write(gpa, bytes, value());
    }
  }

  private long value() {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(256);
      case 1 -> 1L << random.nextInt(64);
      case 2 -> -1L >>> random.nextInt(64);
      default -> random.nextLong();
    };
  }
}
