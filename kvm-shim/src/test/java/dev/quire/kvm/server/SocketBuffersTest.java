package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

/** A buffer is used again when nobody holds it, and never while somebody does. */
class SocketBuffersTest {
  private static final byte[] FRAME = {1, 2, 3};

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final SocketBuffers buffers = attached();

  private SocketBuffers attached() {
    SocketBuffers.attach(channel);
    return SocketBuffers.of(channel);
  }

  private ByteBuf holding(byte[] bytes) {
    return buffers.holding(channel.alloc(), bytes, bytes.length);
  }

  @Test
  void bufferToSendIsUsedAgainOnceItWent() {
    ByteBuf first = holding(FRAME);
    ByteBuf second = holding(FRAME);
    assertThat(second).isNotSameAs(first);
    first.release();
    second.release();

    ByteBuf third = holding(new byte[] {4});
    assertThat(third).isSameAs(first);
    assertThat(third.readableBytes()).isEqualTo(1);
    assertThat(third.readByte()).isEqualTo((byte) 4);
    third.release();
  }

  @Test
  void whatDoesNotFitGetsABufferOfItsOwn() {
    ByteBuf large = holding(new byte[100_000]);
    assertThat(large.readableBytes()).isEqualTo(100_000);
    assertThat(large.release()).isTrue();
  }

  @Test
  void bufferToReceiveIntoIsUsedAgainOnceItWasRead() {
    RecvByteBufAllocator.ExtendedHandle handle = buffers.newHandle();
    handle.reset(channel.config());
    ByteBuf first = handle.allocate(channel.alloc());
    ByteBuf second = handle.allocate(channel.alloc());
    assertThat(second).isNotSameAs(first);
    second.release();
    first.writeBytes(FRAME);
    first.release();

    ByteBuf third = handle.allocate(channel.alloc());
    assertThat(third).isSameAs(first);
    assertThat(third.isReadable()).isFalse();
    third.release();
  }

  @Test
  void nothingIsUsedAgainAfterTheEnd() {
    ByteBuf held = holding(FRAME);
    channel.close();
    channel.runPendingTasks();

    ByteBuf late = holding(FRAME);
    assertThat(late).isNotSameAs(held);
    assertThat(late.release()).isTrue();
    assertThat(held.release()).isTrue();
  }
}
