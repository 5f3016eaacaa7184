package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.lab.replay.Handles.Description;
import dev.quire.lab.replay.Handles.KvmDescription;
import dev.quire.lab.replay.Handles.UffdDescription;
import java.util.Map;
import java.util.function.Function;

/** Operations on descriptors that scripts of the older kind do not know. */
final class DescriptorCalls {
  private static final int O_RDWR = 2;
  private static final int O_LARGEFILE = 0x8000;
  private static final int F_GETFD = 1;
  private static final int F_GETFL = 3;
  private static final int F_GETLEASE = 1025;
  private static final int F_UNLCK = 2;
  private static final int F_ADD_SEALS = 1033;
  private static final int F_GET_SEALS = 1034;
  private static final int F_SEAL_SEAL = 1;
  private static final int SEEK_MAX = 4;

  /** Of anon_inode_inode: no type, readable and writable by its owner. */
  private static final int ANONYMOUS_INODE_MODE = 0600;

  private DescriptorCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("close", DescriptorCalls::close);
    calls.put("dup", DescriptorCalls::dup);
    calls.put("reopen_ro", words -> reopen(SessionParser.handle(words, "H"), false));
    calls.put("reopen_rw", words -> reopen(null, true));
    calls.put("fallocate", DescriptorCalls::fallocate);
    calls.put("fstat", words -> SessionCall.immediate(DescriptorCalls::fstat));
    calls.put("readlink", words -> SessionCall.immediate(DescriptorCalls::readlink));
    calls.put("fcntl", DescriptorCalls::fcntl);
    calls.put("fchmod", DescriptorCalls::fchmod);
    calls.put("lseek", DescriptorCalls::lseek);
    calls.put("pread", words -> at(words, false));
    calls.put("pwrite", words -> at(words, true));
    calls.put("rawread", words -> here(words, false));
    calls.put("rawwrite", words -> here(words, true));
  }

  private static Description named(SessionProcess actor, String handle) {
    return actor.handles().get(handle == null ? Handles.FILE : handle);
  }

  private static SessionCall close(Words words) {
    String name = SessionParser.handle(words, "H");
    return SessionCall.immediate(
        (actor, handle, answer) -> answer.result(actor.handles().close(name) ? 0 : -Errno.EBADF));
  }

  private static SessionCall dup(Words words) {
    String name = SessionParser.handle(words, "H2");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          Description description = named(actor, handle);
          if (description != null) {
            actor.handles().add(name, description);
          }
          answer.result(description == null ? -Errno.EBADF : 0);
        });
  }

  /** A file of no file system cannot be opened again. */
  private static SessionCall reopen(String name, boolean writable) {
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          FileDescription open = actor.handles().file(handle);
          if (open == null) {
            answer.result(named(actor, handle) == null ? -Errno.ENOENT : -Errno.ENXIO);
          } else if (open.type() == FileType.GMEM) {
            answer.result(-Errno.ENXIO);
          } else {
            String defined = name == null ? handle == null ? Handles.FILE : handle : name;
            actor.handles().add(defined, open.reopened(writable));
            answer.result(0);
          }
        });
  }

  private static SessionCall fallocate(Words words) {
    int mode = (int) words.number("MODE", Integer.MAX_VALUE);
    long offset = words.signed("OFF");
    long bytes = words.signed("LEN");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          FileDescription open = actor.handles().file(handle);
          if (open == null || !open.writable()) {
            answer.result(-Errno.EBADF);
            return;
          }
          answer.result(open.file().fallocate(mode, offset, bytes));
          answer.put("size", open.file().size());
          answer.put("blocks", open.blocks());
        });
  }

  private static void fstat(SessionProcess actor, String handle, Answer answer) {
    FileDescription open = actor.handles().file(handle);
    boolean there = named(actor, handle) != null;
    answer.result(there ? 0 : -Errno.EBADF);
    if (there) {
      answer.put("size", open == null ? 0 : open.file().size());
      answer.put("blocks", open == null ? 0 : open.blocks());
      answer.put("nlink", open == null ? 1 : open.type().links());
      answer.hex("mode", open == null ? ANONYMOUS_INODE_MODE : open.mode());
    }
  }

  private static void readlink(SessionProcess actor, String handle, Answer answer) {
    switch (named(actor, handle)) {
      case FileDescription open -> answer.put("link", open.type().link());
      case UffdDescription _ -> answer.put("link", "anon_inode:[userfaultfd]");
      case KvmDescription open -> answer.put("link", open.service().name());
      case null -> answer.result(-Errno.ENOENT);
    }
  }

  private static SessionCall fcntl(Words words) {
    int command = (int) words.number("CMD", Integer.MAX_VALUE);
    words.unsigned("ARG");
    if (command != F_GETFD
        && command != F_GETFL
        && command != F_GETLEASE
        && command != F_ADD_SEALS
        && command != F_GET_SEALS) {
      throw new LaterOpException("fcntl " + command);
    }
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          Description description = named(actor, handle);
          answer.result(
              switch (command) {
                case F_GETFD -> descriptorFlags(description);
                case F_GETFL -> statusFlags(description);
                case F_GETLEASE -> description == null ? -Errno.EBADF : F_UNLCK;
                case F_GET_SEALS -> seals(description);
                default -> addSeals(description);
              });
        });
  }

  private static long descriptorFlags(Description description) {
    return switch (description) {
      case FileDescription _ -> 0;
      case UffdDescription open -> Math.min(1, open.flags & UffdCode.O_CLOEXEC);
      case KvmDescription _ -> 1;
      case null -> -Errno.EBADF;
    };
  }

  private static long statusFlags(Description description) {
    return switch (description) {
      case FileDescription open -> O_LARGEFILE | (open.writable() ? O_RDWR : 0);
      case UffdDescription open -> open.flags & UffdCode.O_NONBLOCK;
      // Of /dev/kvm alone it is open(2) that made the file.
      case KvmDescription open ->
          open.service().name().startsWith("anon_inode") ? O_RDWR : O_LARGEFILE | O_RDWR;
      case null -> -Errno.EBADF;
    };
  }

  private static long addSeals(Description description) {
    if (seals(description) >= 0) {
      throw new UnsupportedOperationException("seals of files of shmem and hugetlbfs");
    }
    return seals(description);
  }

  /** Only shmem and hugetlbfs have seals; those of a file that is no memfd cannot be changed. */
  private static long seals(Description description) {
    if (description == null) {
      return -Errno.EBADF;
    }
    FileType type = description instanceof FileDescription open ? open.type() : null;
    return switch (type) {
      case MEMFD, HUGETLB -> 0;
      case TMPFS -> F_SEAL_SEAL;
      case null, default -> -Errno.EINVAL;
    };
  }

  private static SessionCall fchmod(Words words) {
    String digits = words.word("OCTAL");
    if (!digits.matches("[0-7]{1,4}")) {
      throw new BadOpException("'" + digits + "' is not a mode of up to four octal digits");
    }
    int mode = Integer.parseInt(digits, 8);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          FileDescription open = actor.handles().file(handle);
          boolean hasMode = open != null && open.type() != FileType.GMEM;
          if (hasMode) {
            open.setPermissions(mode);
          }
          answer.result(
              switch (named(actor, handle)) {
                case FileDescription _ -> hasMode ? 0 : -Errno.EINVAL;
                // anon_inode_setattr
                case UffdDescription _, KvmDescription _ -> -Errno.EOPNOTSUPP;
                case null -> -Errno.EBADF;
              });
        });
  }

  private static SessionCall lseek(Words words) {
    long offset = words.signed("OFF");
    int whence = (int) words.number("WHENCE", Integer.MAX_VALUE);
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                switch (named(actor, handle)) {
                  case null -> -Errno.EBADF;
                  case Description _ when whence > SEEK_MAX -> -Errno.EINVAL;
                  case FileDescription open -> open.seek(offset, whence);
                  case KvmDescription open -> open.service().seek(offset, whence);
                  // noop_llseek
                  case UffdDescription _ -> 0;
                }));
  }

  private static SessionCall at(Words words, boolean write) {
    long bytes = words.number("LEN", Integer.MAX_VALUE);
    long offset = words.signed("OFF");
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                switch (named(actor, handle)) {
                  case Description _ when offset < 0 -> -Errno.EINVAL;
                  case FileDescription open ->
                      (write ? open.file().hasPwrite() : open.file().hasPread())
                          ? transfer(open, write, offset, bytes)
                          : -Errno.ESPIPE;
                  case UffdDescription _, KvmDescription _ -> -Errno.ESPIPE;
                  case null -> -Errno.EBADF;
                }));
  }

  private static SessionCall here(Words words, boolean write) {
    long bytes = words.number("LEN", Integer.MAX_VALUE);
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                switch (named(actor, handle)) {
                  case FileDescription open -> {
                    long moved = transfer(open, write, open.position(), bytes);
                    open.setPosition(open.position() + Math.max(0, moved));
                    yield moved;
                  }
                  case UffdDescription open ->
                      write ? -Errno.EBADF : UffdCalls.read(actor, open, bytes, null);
                  case KvmDescription _ -> -Errno.EINVAL;
                  case null -> -Errno.EBADF;
                }));
  }

  private static long transfer(FileDescription open, boolean write, long offset, long bytes) {
    OpenFile file = open.file();
    if (!write) {
      return file.read(offset, bytes);
    }
    if (!open.writable()) {
      return -Errno.EBADF;
    }
    return file.write(offset, bytes, PageRange.SOURCE);
  }
}
