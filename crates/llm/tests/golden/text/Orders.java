package com.example.shop.orders;

import java.math.BigDecimal;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** Keeps orders in memory and answers questions about them. */
public final class Orders {
    public enum Status { PENDING, PAID, SHIPPED, CANCELLED }

    public record Line(String sku, int quantity, BigDecimal unitPrice) {
        public Line {
            Objects.requireNonNull(sku, "sku");
            if (quantity <= 0) {
                throw new IllegalArgumentException("quantity must be positive, was " + quantity);
            }
        }

        public BigDecimal total() {
            return unitPrice.multiply(BigDecimal.valueOf(quantity));
        }
    }

    public record Order(long id, String customer, Instant createdAt, Status status, List<Line> lines) {
        public BigDecimal total() {
            return lines.stream().map(Line::total).reduce(BigDecimal.ZERO, BigDecimal::add);
        }

        Order withStatus(Status next) {
            return new Order(id, customer, createdAt, next, lines);
        }
    }

    private final Map<Long, Order> byId = new ConcurrentHashMap<>();
    private final Clock clock;
    private long nextId = 1;

    public Orders(Clock clock) {
        this.clock = Objects.requireNonNull(clock);
    }

    public synchronized Order place(String customer, List<Line> lines) {
        if (lines.isEmpty()) {
            throw new IllegalArgumentException("an order needs at least one line");
        }
        Order order = new Order(nextId++, customer, clock.instant(), Status.PENDING, List.copyOf(lines));
        byId.put(order.id(), order);
        return order;
    }

    public Optional<Order> find(long id) {
        return Optional.ofNullable(byId.get(id));
    }

    public Order pay(long id) {
        return byId.compute(id, (key, order) -> {
            if (order == null || order.status() != Status.PENDING) {
                throw new IllegalStateException("order " + key + " cannot be paid");
            }
            return order.withStatus(Status.PAID);
        });
    }

    public Map<String, BigDecimal> revenueByCustomer() {
        return byId.values().stream()
                .filter(order -> order.status() == Status.PAID || order.status() == Status.SHIPPED)
                .collect(Collectors.groupingBy(Order::customer,
                        Collectors.reducing(BigDecimal.ZERO, Order::total, BigDecimal::add)));
    }

    public List<Order> latest(int limit) {
        List<Order> orders = new ArrayList<>(byId.values());
        orders.sort(Comparator.comparing(Order::createdAt).reversed());
        return orders.subList(0, Math.min(limit, orders.size()));
    }
}
