package dev.quire.kvm.server;

import io.netty.handler.ssl.SslContext;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Arrays;

/** Where the service listens. */
public sealed interface Listener {
  /** A UNIX socket that only its user can open. */
  record Unix(Path path) implements Listener {
    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /**
   * A TCP port, with TLS only.
   *
   * @param tls of a server, TLS 1.3
   */
  final class Tcp implements Listener {
    private final InetSocketAddress address;
    private final SslContext tls;
    private final byte[] access;

    /**
     * @param accessSha256 of the token that clients must have
     */
    public Tcp(InetSocketAddress address, SslContext tls, byte[] accessSha256) {
      this.address = address;
      this.tls = tls;
      this.access = Arrays.copyOf(accessSha256, accessSha256.length);
    }

    InetSocketAddress address() {
      return address;
    }

    SslContext tls() {
      return tls;
    }

    boolean accepts(byte[] sha256) {
      return java.security.MessageDigest.isEqual(access, sha256);
    }

    @Override
    public String toString() {
      return "tcp:" + address.getHostString() + ":" + address.getPort();
    }
  }
}
