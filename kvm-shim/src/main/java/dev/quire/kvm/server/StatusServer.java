package dev.quire.kvm.server;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * The HTTP port: {@code /metrics} in Prometheus' text format, {@code /live.json} and {@code /}, a
 * page that shows it. Reads only. A thread of its own.
 */
final class StatusServer implements AutoCloseable {
  private static final int MOST_REQUEST_BYTES = 16 << 10;
  private static final int IDLE_SECONDS = 30;
  private static final String PAGE = page();

  private final MultiThreadIoEventLoopGroup loops;
  private final Channel channel;

  private StatusServer(MultiThreadIoEventLoopGroup loops, Channel channel) {
    this.loops = loops;
    this.channel = channel;
  }

  static StatusServer start(
      InetSocketAddress address,
      PrometheusMeterRegistry registry,
      KvmServer server,
      ServerMetrics metrics)
      throws IOException {
    MultiThreadIoEventLoopGroup loops =
        new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    ChannelFuture bound =
        new io.netty.bootstrap.ServerBootstrap()
            .group(loops)
            .channel(NioServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel socket) {
                    socket
                        .pipeline()
                        .addLast(
                            new ReadTimeoutHandler(IDLE_SECONDS),
                            new HttpServerCodec(),
                            new HttpServerKeepAliveHandler(),
                            new HttpObjectAggregator(MOST_REQUEST_BYTES),
                            new Pages(registry, server, metrics));
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      throw new IOException(
          "cannot serve HTTP at " + address + ": " + bound.cause().getMessage(), bound.cause());
    }
    return new StatusServer(loops, bound.channel());
  }

  private static String page() {
    try (InputStream in = StatusServer.class.getResourceAsStream("live.html")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("live.html is part of this library", e);
    }
  }

  InetSocketAddress address() {
    return (InetSocketAddress) channel.localAddress();
  }

  @Override
  public void close() {
    channel.close();
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  /** Answers one connection's requests. */
  private static final class Pages extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final PrometheusMeterRegistry registry;
    private final KvmServer server;
    private final ServerMetrics metrics;

    Pages(PrometheusMeterRegistry registry, KvmServer server, ServerMetrics metrics) {
      this.registry = registry;
      this.server = server;
      this.metrics = metrics;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
      if (request.decoderResult().isFailure()) {
        send(context, HttpResponseStatus.BAD_REQUEST, "text/plain", "this is no HTTP\n");
        return;
      }
      String path = request.uri().split("\\?", 2)[0];
      boolean get = request.method().equals(HttpMethod.GET);
      if (!get) {
        send(context, HttpResponseStatus.METHOD_NOT_ALLOWED, "text/plain", "GET only\n");
        return;
      }
      switch (path) {
        case "/" -> send(context, HttpResponseStatus.OK, "text/html; charset=utf-8", PAGE);
        case "/metrics" ->
            send(
                context,
                HttpResponseStatus.OK,
                "text/plain; version=0.0.4; charset=utf-8",
                registry.scrape());
        case "/live.json" ->
            send(
                context,
                HttpResponseStatus.OK,
                "application/json",
                LiveFigures.json(server, metrics));
        default ->
            send(
                context,
                HttpResponseStatus.NOT_FOUND,
                "text/plain",
                "there are /, /metrics and /live.json\n");
      }
    }

    private static void send(
        ChannelHandlerContext context, HttpResponseStatus status, String type, String body) {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      DefaultFullHttpResponse response =
          new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(bytes));
      response
          .headers()
          .set(HttpHeaderNames.CONTENT_TYPE, type)
          .set(HttpHeaderNames.CACHE_CONTROL, "no-store")
          .set("X-Content-Type-Options", "nosniff")
          .set("Content-Security-Policy", "default-src 'self' 'unsafe-inline'")
          .setInt(HttpHeaderNames.CONTENT_LENGTH, bytes.length);
      if (status.equals(HttpResponseStatus.BAD_REQUEST)) {
        response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
      }
      context.writeAndFlush(response);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }
}
