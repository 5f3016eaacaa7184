package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.uffd.Userfaultfd;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.vm.GuestMemfdFile;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The descriptors of a process by the names scripts give them. A name that is used again stands for
 * the new descriptor, and the old one stays open.
 */
final class Handles implements Descriptors {
  static final String FILE = "f";
  static final String USERFAULTFD = "u";
  static final String KVM = "kvm";
  static final String VM = "vm";
  static final String VCPU = "cpu";

  /** Standard input, output and error have the numbers below. */
  private static final int FIRST = 3;

  /** As RLIMIT_NOFILE has it on most machines. */
  private static final int LIMIT = 1024;

  private final Map<String, Integer> names = new HashMap<>();
  private final TreeMap<Integer, Description> numbers = new TreeMap<>();

  /** An open file description: shared by what dup and fork made of it. */
  abstract static sealed class Description
      permits FileDescription, UffdDescription, KvmDescription {
    private int descriptors;
    private Descriptor foreign;

    /** The last descriptor is gone. */
    abstract void release();

    /** What it is to the KVM service, which knows files of its own only. */
    Descriptor service() {
      if (foreign == null) {
        foreign = new ForeignFile();
      }
      return foreign;
    }
  }

  /** A userfaultfd. */
  static final class UffdDescription extends Description {
    final Userfaultfd uffd;
    final int flags;

    UffdDescription(Userfaultfd uffd, int flags) {
      this.uffd = uffd;
      this.flags = flags;
    }

    @Override
    void release() {
      uffd.close();
    }
  }

  /** A file of the KVM service, or an eventfd. */
  static final class KvmDescription extends Description {
    private final Descriptor file;

    KvmDescription(Descriptor file) {
      this.file = file;
    }

    @Override
    Descriptor service() {
      return file;
    }

    @Override
    void release() {
      file.put();
    }
  }

  /** A file that the KVM service has nothing to do with. */
  private static final class ForeignFile extends Descriptor {
    @Override
    public String name() {
      return "a file";
    }
  }

  /** A new descriptor. */
  void add(String name, Description description) {
    int number = add(description);
    if (number < 0) {
      throw new IllegalStateException("more than " + LIMIT + " descriptors");
    }
    name(number, name);
  }

  private int add(Description description) {
    int number = FIRST;
    while (numbers.containsKey(number)) {
      number++;
    }
    if (number >= LIMIT) {
      return -Errno.EMFILE;
    }
    description.descriptors++;
    numbers.put(number, description);
    return number;
  }

  /** Names a descriptor that is there. */
  void name(int number, String name) {
    names.put(name, number);
  }

  @Override
  public long install(Descriptor file) {
    int number =
        add(
            file instanceof GuestMemfdFile memory
                ? new FileDescription(memory)
                : new KvmDescription(file));
    if (number < 0) {
      file.put();
    }
    return number;
  }

  @Override
  public Descriptor find(int number) {
    if (number >= 0 && number < FIRST) {
      return new ForeignFile();
    }
    Description description = numbers.get(number);
    return description == null ? null : description.service();
  }

  /** The number of a descriptor, or -1 if a name stands for none. */
  int number(String name) {
    return names.getOrDefault(name, -1);
  }

  /** What a name stands for, or null if it is no descriptor. */
  Description get(String name) {
    return numbers.get(number(name));
  }

  /** What a name is to the KVM service, or null if it is no descriptor. */
  Descriptor service(String name) {
    Description description = get(name);
    return description == null ? null : description.service();
  }

  /** The file of a name ({@link #FILE} if that is null), or null if it is no file. */
  FileDescription file(String name) {
    return get(name == null ? FILE : name) instanceof FileDescription file ? file : null;
  }

  /** The same of a userfaultfd. */
  UffdDescription uffd(String name) {
    return get(name == null ? USERFAULTFD : name) instanceof UffdDescription uffd ? uffd : null;
  }

  /** Whether there was one to close. */
  boolean close(String name) {
    Integer number = names.remove(name);
    if (number == null) {
      return false;
    }
    close(numbers.remove(number));
    return true;
  }

  private static void close(Description description) {
    description.descriptors--;
    if (description.descriptors == 0) {
      description.release();
    }
  }

  /** What a forked child has. */
  Handles inherited() {
    Handles same = new Handles();
    same.names.putAll(names);
    same.numbers.putAll(numbers);
    same.numbers.values().forEach(description -> description.descriptors++);
    return same;
  }

  /** The process ends. */
  void closeAll() {
    numbers.values().forEach(Handles::close);
    numbers.clear();
    names.clear();
  }
}
