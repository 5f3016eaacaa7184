package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdFeature;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.UffdMessage;
import dev.quire.kernel.uffd.Userfaultfd;
import dev.quire.lab.replay.Handles.Description;
import dev.quire.lab.replay.Handles.UffdDescription;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations of userfaultfd. */
final class UffdCalls {
  /** What an ioctl or poll of a descriptor that is none of ours answers. */
  private static final int ENOTTY = 25;

  private static final long MOST_READ = 1 << 20;
  private static final String CHILD_HANDLE = "uf";

  private static final Map<String, Long> OPEN_FLAGS =
      Map.of(
          "nonblock", (long) UffdCode.O_NONBLOCK,
          "cloexec", (long) UffdCode.O_CLOEXEC,
          "user", (long) UffdCode.USER_MODE_ONLY);

  private static final Map<String, Long> REGISTER_MODES =
      Map.of(
          "missing", UffdCode.REGISTER_MISSING,
          "wp", UffdCode.REGISTER_WP,
          "minor", UffdCode.REGISTER_MINOR);

  private static final Map<String, Long> FILL_MODES =
      Map.of("dontwake", UffdCode.DONTWAKE, "wp", UffdCode.FILL_WP);
  private static final Map<String, Long> PLAIN_MODES = Map.of("dontwake", UffdCode.DONTWAKE);
  private static final Map<String, Long> MOVE_MODES =
      Map.of("dontwake", UffdCode.DONTWAKE, "allow_holes", UffdCode.MOVE_ALLOW_HOLES);
  private static final Map<String, Long> PROTECT_MODES =
      Map.of("wp", UffdCode.WRITEPROTECT_WP, "dontwake", UffdCode.WRITEPROTECT_DONTWAKE);
  private static final Map<String, Long> FEATURES = new LinkedHashMap<>();

  static {
    FEATURES.put("wp", UffdFeature.PAGEFAULT_FLAG_WP);
    FEATURES.put("fork", UffdFeature.EVENT_FORK);
    FEATURES.put("remap", UffdFeature.EVENT_REMAP);
    FEATURES.put("remove", UffdFeature.EVENT_REMOVE);
    FEATURES.put("missing_hugetlbfs", UffdFeature.MISSING_HUGETLBFS);
    FEATURES.put("missing_shmem", UffdFeature.MISSING_SHMEM);
    FEATURES.put("unmap", UffdFeature.EVENT_UNMAP);
    FEATURES.put("sigbus", UffdFeature.SIGBUS);
    FEATURES.put("thread_id", UffdFeature.THREAD_ID);
    FEATURES.put("minor_hugetlbfs", UffdFeature.MINOR_HUGETLBFS);
    FEATURES.put("minor_shmem", UffdFeature.MINOR_SHMEM);
    FEATURES.put("exact", UffdFeature.EXACT_ADDRESS);
    FEATURES.put("wp_hugetlbfs_shmem", UffdFeature.WP_HUGETLBFS_SHMEM);
    FEATURES.put("wp_unpopulated", UffdFeature.WP_UNPOPULATED);
    FEATURES.put("poison", UffdFeature.POISON);
    FEATURES.put("wp_async", UffdFeature.WP_ASYNC);
    FEATURES.put("move", UffdFeature.MOVE);
  }

  private UffdCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("uffd", UffdCalls::open);
    calls.put("uffd_dev", UffdCalls::open);
    calls.put("uffd_dev_ioctl", UffdCalls::unknownDeviceIoctl);
    calls.put("uffd_api", UffdCalls::api);
    calls.put("register", UffdCalls::register);
    calls.put("unregister", words -> onRange(words, Userfaultfd::unregister));
    calls.put("wake", words -> onRange(words, Userfaultfd::wake));
    calls.put("copy", UffdCalls::copy);
    calls.put("zeropage", words -> fill(words, PLAIN_MODES, Userfaultfd::zeropage));
    calls.put("continue", words -> fill(words, FILL_MODES, Userfaultfd::continueRange));
    calls.put("poison", words -> fill(words, PLAIN_MODES, Userfaultfd::poison));
    calls.put("move", UffdCalls::move);
    calls.put("wp", UffdCalls::writeProtect);
    calls.put("uffd_ioctl", UffdCalls::unknownIoctl);
    calls.put("poll", words -> SessionCall.immediate(UffdCalls::poll));
    calls.put("event", words -> SessionCall.immediate(UffdCalls::event));
    calls.put("uffd_read", UffdCalls::read);
  }

  private static SessionCall open(Words words) {
    long flags = words.flags("FLAGS", OPEN_FLAGS);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          long error = Userfaultfd.openError(flags);
          if (error == 0) {
            Userfaultfd opened = Userfaultfd.open(actor.process(), (int) flags);
            actor
                .handles()
                .add(
                    handle == null ? Handles.USERFAULTFD : handle,
                    new UffdDescription(opened, (int) flags));
          }
          answer.result(error);
        });
  }

  private static SessionCall unknownDeviceIoctl(Words words) {
    words.number("NR", 0xff);
    return SessionCall.immediate((actor, handle, answer) -> answer.result(-Errno.EINVAL));
  }

  /** An ioctl of a userfaultfd. */
  private interface Ioctl {
    long make(Userfaultfd uffd);
  }

  /** Makes an ioctl; -errno if the name stands for no userfaultfd. */
  private static long ioctl(SessionProcess actor, String handle, Ioctl ioctl) {
    UffdDescription open = actor.handles().uffd(handle);
    if (open == null) {
      Description other = actor.handles().get(handle == null ? Handles.USERFAULTFD : handle);
      return other == null ? -Errno.EBADF : -ENOTTY;
    }
    open.uffd.setCaller(actor.process());
    return ioctl.make(open.uffd);
  }

  private static SessionCall api(Words words) {
    long api = words.unsigned("API");
    long features = words.flags("FEATURES", FEATURES);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          long result = ioctl(actor, handle, uffd -> uffd.api(api, features));
          answer.result(result);
          answer.hex("api", result == 0 ? UffdCode.API : 0);
          answer.hex("features", result == 0 ? Userfaultfd.availableFeatures() : 0);
          answer.hex("ioctls", result == 0 ? UffdCode.API_IOCTLS : 0);
        });
  }

  private static SessionCall register(Words words) {
    PageRange range = words.range();
    long modes = words.flags("MODES", REGISTER_MODES);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          long result =
              ioctl(actor, handle, uffd -> uffd.register(range.address(), range.bytes(), modes));
          answer.result(result);
          if (result == 0) {
            answer.hex("ioctls", actor.handles().uffd(handle).uffd.ioctls());
          }
        });
  }

  /** An ioctl with a range and nothing else. */
  private interface RangeIoctl {
    long make(Userfaultfd uffd, long start, long bytes);
  }

  private static SessionCall onRange(Words words, RangeIoctl ioctl) {
    PageRange range = words.range();
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                ioctl(actor, handle, uffd -> ioctl.make(uffd, range.address(), range.bytes()))));
  }

  /** An ioctl with a range, a mode and an output member. */
  private interface FillIoctl {
    long make(Userfaultfd uffd, long start, long bytes, long mode);
  }

  private static SessionCall fill(Words words, Map<String, Long> modes, FillIoctl ioctl) {
    PageRange range = words.range();
    long mode = words.flags("MODE", modes);
    return withOutput(uffd -> ioctl.make(uffd, range.address(), range.bytes(), mode));
  }

  private static SessionCall copy(Words words) {
    PageRange range = words.range();
    long mode = words.flags("MODE", FILL_MODES);
    long source = words.hasNext() ? words.address() : PageRange.SOURCE;
    return withOutput(uffd -> uffd.copy(range.address(), source, range.bytes(), mode));
  }

  private static SessionCall move(Words words) {
    long destination = words.address();
    PageRange source = words.range();
    long mode = words.flags("MODE", MOVE_MODES);
    return withOutput(uffd -> uffd.move(destination, source.address(), source.bytes(), mode));
  }

  private static SessionCall withOutput(Ioctl ioctl) {
    return (actor, handle) ->
        new Execution(actor) {
          @Override
          boolean step(Answer answer, long resumed) {
            long result = resumed == Process.REPEAT ? ioctl(actor, handle, ioctl) : resumed;
            if (result == Process.BLOCKED) {
              return false;
            }
            answer.result(result);
            UffdDescription open = actor.handles().uffd(handle);
            if (open == null || open.uffd.out() == Userfaultfd.UNTOUCHED) {
              answer.put("out", "untouched");
            } else {
              answer.put("out", open.uffd.out());
            }
            return true;
          }
        };
  }

  private static SessionCall writeProtect(Words words) {
    PageRange range = words.range();
    long mode = words.flags("MODE", PROTECT_MODES);
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                ioctl(
                    actor,
                    handle,
                    uffd -> uffd.writeProtect(range.address(), range.bytes(), mode))));
  }

  private static SessionCall unknownIoctl(Words words) {
    words.number("NR", 0xff);
    return SessionCall.immediate(
        (actor, handle, answer) -> answer.result(ioctl(actor, handle, Userfaultfd::unknownIoctl)));
  }

  private static void poll(SessionProcess actor, String handle, Answer answer) {
    UffdDescription open = actor.handles().uffd(handle);
    // Other files are always readable (DEFAULT_POLLMASK); what is no descriptor is POLLNVAL.
    int events = open != null ? open.uffd.poll() : actor.handles().get(handle) != null ? 1 : 0x20;
    answer.result(events == 0 ? 0 : 1);
    answer.hex("revents", events);
  }

  private static void event(SessionProcess actor, String handle, Answer answer) {
    UffdDescription open = actor.handles().uffd(handle);
    if (open == null || open.uffd.readError(UffdMessage.BYTES) != 0) {
      answer.put("event", "none");
    } else {
      message(actor, open).forEach(answer::put);
    }
  }

  /** Reads one message. */
  private static Map<String, Object> message(SessionProcess actor, UffdDescription open) {
    UffdMessage message = open.uffd.read();
    Answer fields = new Answer();
    switch (message.event()) {
      case PAGEFAULT -> {
        fields.put("event", "pagefault");
        fields.hex("flags", message.flags());
        fields.address("addr", message.address());
        fields.put("ptid", message.thread() == 0 ? 0 : 1);
      }
      case FORK -> {
        fields.put("event", "fork");
        fields.put("ufd", CHILD_HANDLE);
        actor.handles().add(CHILD_HANDLE, new UffdDescription(message.child(), open.flags));
      }
      case REMAP -> {
        fields.put("event", "remap");
        fields.address("from", message.address());
        fields.address("to", message.to());
        fields.put("len", message.bytes());
      }
      case REMOVE, UNMAP -> {
        fields.put("event", message.event() == UffdMessage.Event.REMOVE ? "remove" : "unmap");
        fields.address("start", message.address());
        fields.address("end", message.end());
      }
    }
    return fields.fields();
  }

  private static SessionCall read(Words words) {
    long bytes = words.number("BYTES", MOST_READ);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          UffdDescription open = actor.handles().uffd(handle);
          List<Object> messages = new ArrayList<>();
          long result = open == null ? -Errno.EBADF : read(actor, open, bytes, messages);
          if (result == Process.BLOCKED) {
            throw new IllegalStateException("the read waits for ever: the descriptor blocks");
          }
          answer.result(result);
          if (result >= 0) {
            answer.put("msgs", messages);
          }
        });
  }

  /**
   * read(2).
   *
   * @param messages gets what was read; null if nobody wants it
   */
  static long read(SessionProcess actor, UffdDescription open, long bytes, List<Object> messages) {
    long error = open.uffd.readError(bytes);
    long left = bytes;
    while (error == 0 && left >= UffdMessage.BYTES && open.uffd.readable()) {
      Map<String, Object> message = message(actor, open);
      if (messages != null) {
        messages.add(message);
      }
      left -= UffdMessage.BYTES;
    }
    return error != 0 ? error : bytes - left;
  }
}
