package dev.quire.kvm.wire;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/**
 * Cuts what a socket gives into frames: {@code byte[]}, each of the length it says and within the
 * limit. What cannot be a frame becomes a {@link BadFrameException} in the pipeline, once; what
 * comes behind it is thrown away.
 */
public final class FrameDecoder extends ByteToMessageDecoder {
  private final int leastBytes;
  private final int limitBytes;
  private boolean broken;

  /**
   * @param leastBytes the header's
   */
  public FrameDecoder(int leastBytes, int limitBytes) {
    this.leastBytes = leastBytes;
    this.limitBytes = limitBytes;
  }

  /** Whether a frame began that is not complete. */
  public boolean isInsideFrame() {
    return actualReadableBytes() > 0;
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out)
      throws BadFrameException {
    if (broken) {
      in.skipBytes(in.readableBytes());
      return;
    }
    if (in.readableBytes() < Integer.BYTES) {
      return;
    }
    long length = in.getUnsignedIntLE(in.readerIndex());
    if (length < leastBytes || length > limitBytes) {
      broken = true;
      int sequence = BadFrameException.NO_SEQUENCE;
      if (in.readableBytes() >= 2 * Integer.BYTES) {
        sequence = in.getIntLE(in.readerIndex() + Frames.SEQUENCE);
      }
      throw new BadFrameException(
          sequence, "a frame of " + length + " bytes, not " + leastBytes + " to " + limitBytes);
    }
    if (in.readableBytes() >= length) {
      byte[] frame = new byte[(int) length];
      in.readBytes(frame);
      out.add(frame);
    }
  }
}
