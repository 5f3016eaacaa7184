package dev.quire.kvm.server;

import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.SegmentList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A file's own pages, such as kvm_run, moved by frames for a client that cannot map them. */
final class PageSegments {
  private PageSegments() {}

  /** Puts into the pages what a request brings for them: false if there are none. */
  static boolean store(Descriptor file, SegmentList segments) {
    for (int i = 0; i < segments.count(); i++) {
      long address = segments.address(i);
      if ((address & Frames.PAGES_ADDRESS) != 0
          && !store(
              file,
              address & ~Frames.PAGES_ADDRESS,
              segments.array(),
              segments.offset(i),
              segments.bytes(i))) {
        return false;
      }
    }
    return true;
  }

  static boolean store(Descriptor file, long offset, byte[] source, int from, int bytes) {
    for (int done = 0; done < bytes; ) {
      MemorySegment rest = rest(file, offset + done);
      if (rest == null) {
        return false;
      }
      int part = (int) Math.min(bytes - done, rest.byteSize());
      MemorySegment.copy(source, from + done, rest, ValueLayout.JAVA_BYTE, 0, part);
      done += part;
    }
    return true;
  }

  static boolean load(Descriptor file, long offset, byte[] target, int at, int bytes) {
    for (int done = 0; done < bytes; ) {
      MemorySegment rest = rest(file, offset + done);
      if (rest == null) {
        return false;
      }
      int part = (int) Math.min(bytes - done, rest.byteSize());
      MemorySegment.copy(rest, ValueLayout.JAVA_BYTE, 0, target, at + done, part);
      done += part;
    }
    return true;
  }

  /** Brings back the same ranges. */
  static void load(Descriptor file, SegmentList segments, FrameBuilder reply) {
    for (int i = 0; i < segments.count(); i++) {
      long address = segments.address(i);
      int bytes = segments.bytes(i);
      if ((address & Frames.PAGES_ADDRESS) != 0 && reply.fits(bytes)) {
        int at = reply.room(address, bytes);
        load(file, address & ~Frames.PAGES_ADDRESS, reply.array(), at, bytes);
      }
    }
  }

  /** The bytes of one page from an offset on, or null. */
  private static MemorySegment rest(Descriptor file, long offset) {
    if (offset < 0) {
      return null;
    }
    long page = offset / Frames.PAGE_BYTES;
    SharedPages pages = file.pages(page);
    if (pages == null) {
      return null;
    }
    long from = file.indexInPages(page) * Frames.PAGE_BYTES + offset % Frames.PAGE_BYTES;
    return pages.segment().asSlice(from, Frames.PAGE_BYTES - offset % Frames.PAGE_BYTES);
  }
}
