package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.wire.Limits;
import dev.quire.kvm.wire.Op;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Frames from a generator that knows the protocol and breaks it: lengths that lie, cut frames,
 * unknown operations, descriptors of others, garbage in structs, kvm_run scribbled over. The
 * service must survive, keep nothing, and serve another client meanwhile.
 */
@Timeout(value = 600, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FrameFuzzTest {
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int FRAMES = 20_000 * SCALE;
  private static final int MOST_BYTES = 1 << 16;

  /** Of a connection before the next begins, whatever happened. */
  private static final int CONNECTION_FRAMES = 400;

  /** A VM has more of the heap than this each; some code is loaded late. */
  private static final long MOST_MORE_LIVE_BYTES = 16L << 20;

  /** A VM reserves what may be lent to it, a GiB. */
  private static final long MOST_MORE_RESERVED_BYTES = 3L << 30;

  private static final int[] REQUESTS = {
    Ioctls.CREATE_VM,
    Ioctls.CREATE_VCPU,
    Ioctls.RUN,
    Ioctls.CHECK_EXTENSION,
    Ioctls.SET_USER_MEMORY_REGION,
    Ioctls.SET_USER_MEMORY_REGION2,
    Ioctls.GET_DIRTY_LOG,
    Ioctls.GET_REGS,
    Ioctls.SET_REGS,
    Ioctls.GET_SREGS,
    Ioctls.SET_SREGS,
    Ioctls.IRQFD,
    Ioctls.IOEVENTFD,
    Ioctls.ENABLE_CAP,
    Ioctls.CREATE_IRQCHIP,
    Ioctls.SET_GSI_ROUTING,
    Ioctls.GET_VCPU_EVENTS,
    Ioctls.SET_VCPU_EVENTS,
    Ioctls.GET_STATS_FD,
    Ioctls.TRANSLATE,
    Ioctls.SET_MP_STATE,
    Ioctls.CREATE_GUEST_MEMFD,
    Ioctls.INTERRUPT,
    Ioctls.SET_CLOCK
  };

  private static final int BEHIND_BAD_FRAME = 10;

  @TempDir Path folder;

  private final Random random = new Random(20_251_122);

  /** Whether a frame of this connection was one that the service may refuse. */
  private boolean malformed;

  @Test
  void nothingThatIsSentHurtsTheServiceOrAnotherClient() throws Exception {
    Limits limits = new Limits(MOST_BYTES, 64, 2, 4, 64 << 20, 64);
    ServerSettings settings = ServerSettings.DEFAULT.withLimits(limits);
    // The kernel whose files take most calls.
    KernelProfile kernel = KernelProfile.RFC_WRITE;
    try (TestService service = new TestService(folder, settings, Transport.best(), kernel);
        Kvm witness = Kvm.connect(service.socket)) {
      // again: out 0x10, al; inc al; jmp again
      Vcpu vcpu = new RealModeGuest(witness, 0xe6, 0x10, 0xfe, 0xc0, 0xeb, 0xfa).vcpu(0);
      // What is loaded and opened once, is.
      session(service, 50);
      assertThat(TestService.eventually(() -> onlyTheWitnessIsThere(service))).isTrue();
      long descriptors = TestService.descriptors();
      long live = TestService.liveBytes();
      long reserved = TestService.addressSpaceBytes();
      int sent = 0;
      int count = 0;
      while (sent < FRAMES) {
        sent += session(service, Math.min(CONNECTION_FRAMES, FRAMES - sent));
        VcpuExit.Io out = (VcpuExit.Io) vcpu.run();
        assertThat(out.data()).containsExactly((byte) count++);
      }
      assertThat(TestService.eventually(() -> onlyTheWitnessIsThere(service))).isTrue();
      assertThat(TestService.eventually(() -> TestService.descriptors() <= descriptors))
          .as("%d descriptors, %d before", TestService.descriptors(), descriptors)
          .isTrue();
      assertThat(
              TestService.eventually(() -> TestService.liveBytes() < live + MOST_MORE_LIVE_BYTES))
          .as("of the heap %d before, %d now", live, TestService.liveBytes())
          .isTrue();
      assertThat(TestService.addressSpaceBytes()).isLessThan(reserved + MOST_MORE_RESERVED_BYTES);
      assertThat(service.metrics.defectCount()).isZero();
      assertThat(service.metrics.badFrameCount()).isPositive();
      assertThat(service.metrics.callCount()).isGreaterThan(FRAMES / 2);
    }
  }

  /** A process is forgotten a moment before its thread is over. */
  private static boolean onlyTheWitnessIsThere(TestService service) {
    return service.server.processCount() == 1 && TestService.processThreads() == 1;
  }

  /** One connection until it is closed, by either side: how many frames it took. */
  private int session(TestService service, int most) throws Exception {
    SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(service.socket));
    Thread drain = Thread.ofVirtual().start(() -> drain(channel));
    int sent = 0;
    try {
      FrameBuilder builder = new FrameBuilder(MOST_BYTES);
      // Without HELLO the first frame is a bad one already.
      boolean admitted = random.nextInt(8) != 0;
      if (admitted) {
        send(channel, hello(builder));
        Thread.sleep(1);
        send(channel, open(builder));
      }
      malformed = !admitted;
      int left = most;
      while (left > 0) {
        left--;
        sent++;
        send(channel, next(builder));
        if (malformed) {
          // What follows a bad frame is not served: a little of it is enough.
          left = Math.min(left, random.nextInt(BEHIND_BAD_FRAME));
        }
      }
      channel.shutdownOutput();
      drain.join();
    } catch (IOException e) {
      // The service closed it: that is its right after a bad frame.
      return sent;
    } finally {
      channel.close();
      drain.join();
    }
    return sent;
  }

  private static void drain(SocketChannel channel) {
    ByteBuffer buffer = ByteBuffer.allocate(MOST_BYTES);
    try {
      while (channel.read(buffer) >= 0) {
        buffer.clear();
      }
    } catch (IOException e) {
      // Closed while reading.
      buffer.clear();
    }
  }

  private static void send(SocketChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private ByteBuffer hello(FrameBuilder builder) {
    byte[] hello =
        new Hello(1, 1, Hello.X86_64, Hello.CALLS, 1, new byte[32], 0, new byte[16]).toBytes();
    builder.request(1, Op.HELLO, -1, 0, 0, 0).segment(0, hello, 0, hello.length);
    return finished(builder);
  }

  private static ByteBuffer open(FrameBuilder builder) {
    byte[] path = "/dev/kvm".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    builder.request(2, Op.OPEN, -1, 0, 0, 0).segment(0, path, 0, path.length);
    return finished(builder);
  }

  private static ByteBuffer finished(FrameBuilder builder) {
    int bytes = builder.finish();
    return ByteBuffer.wrap(builder.array().clone(), 0, bytes);
  }

  private ByteBuffer next(FrameBuilder builder) {
    int kind = random.nextInt(1000);
    malformed |= kind < 16;
    if (kind < 4) {
      byte[] noise = new byte[random.nextInt(300)];
      random.nextBytes(noise);
      return ByteBuffer.wrap(noise);
    }
    ByteBuffer frame = request(builder);
    if (kind < 8) {
      // A length that lies.
      frame.order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(0, random.nextInt());
    } else if (kind < 12) {
      // Any byte of the frame, its segment heads included.
      frame.put(random.nextInt(frame.limit()), (byte) random.nextInt());
    } else if (kind < 16) {
      frame.limit(random.nextInt(frame.limit()));
    }
    return frame;
  }

  private ByteBuffer request(FrameBuilder builder) {
    int ops = Op.values().length;
    Op op = random.nextInt(3) == 0 ? Op.values()[1 + random.nextInt(ops - 1)] : Op.IOCTL;
    long request = op == Op.IOCTL ? code() : number();
    builder.request(random.nextInt(), op, random.nextInt(9) - 1, request, number(), number());
    int flags = random.nextInt(20) == 0 ? Frames.PAGES : 0;
    builder.with(random.nextInt(20) == 0 ? random.nextInt() : 0, flags);
    int segments = random.nextInt(4);
    for (int i = 0; i < segments; i++) {
      int pages = random.nextInt(10) == 0 ? 1 + random.nextInt(3) : 0;
      byte[] data = new byte[pages > 0 ? pages * Frames.PAGE_BYTES : random.nextInt(700)];
      if (random.nextBoolean()) {
        random.nextBytes(data);
      }
      long top = flags == 0 ? 0 : Frames.PAGES_ADDRESS;
      builder.segment(top | 0x1_0000L * (i + 1), data, 0, data.length);
    }
    ByteBuffer frame = finished(builder);
    if (random.nextInt(200) == 0) {
      // An operation that there is not.
      malformed = true;
      frame.put(9, (byte) random.nextInt());
    }
    return frame;
  }

  private long code() {
    int known = REQUESTS[random.nextInt(REQUESTS.length)];
    return random.nextInt(10) == 0 ? known ^ 1 << random.nextInt(32) : known;
  }

  private long number() {
    return switch (random.nextInt(6)) {
      case 0 -> 0;
      case 1 -> random.nextInt(8);
      case 2 -> 0x1_0000L * (1 + random.nextInt(3));
      case 3 -> 4096L * random.nextInt(64);
      case 4 -> random.nextLong();
      default -> 1L << random.nextInt(64);
    };
  }
}
