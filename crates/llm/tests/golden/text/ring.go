package ring

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sort"
	"strconv"
	"sync"
	"time"
)

// ErrEmpty is returned when a key is looked up in a ring without nodes.
var ErrEmpty = errors.New("ring: no nodes")

// Ring maps keys to nodes so that adding a node moves few keys.
type Ring struct {
	mu       sync.RWMutex
	replicas int
	hashes   []uint32
	nodes    map[uint32]string
	healthy  func(ctx context.Context, node string) bool
}

// New returns a ring that places each node on it replicas times.
func New(replicas int, healthy func(context.Context, string) bool) *Ring {
	if replicas < 1 {
		replicas = 64
	}
	return &Ring{replicas: replicas, nodes: make(map[uint32]string), healthy: healthy}
}

func hash(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return h.Sum32()
}

// Add places a node on the ring; adding it twice changes nothing.
func (r *Ring) Add(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 0; i < r.replicas; i++ {
		point := hash(node + "#" + strconv.Itoa(i))
		if _, taken := r.nodes[point]; taken {
			continue
		}
		r.nodes[point] = node
		r.hashes = append(r.hashes, point)
	}
	sort.Slice(r.hashes, func(i, j int) bool { return r.hashes[i] < r.hashes[j] })
}

// Get returns the first healthy node at or after the key's place.
func (r *Ring) Get(ctx context.Context, key string) (string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.hashes) == 0 {
		return "", ErrEmpty
	}
	ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	start := sort.Search(len(r.hashes), func(i int) bool { return r.hashes[i] >= hash(key) })
	seen := make(map[string]struct{})
	for step := range r.hashes {
		node := r.nodes[r.hashes[(start+step)%len(r.hashes)]]
		if _, tried := seen[node]; tried {
			continue
		}
		seen[node] = struct{}{}
		if r.healthy == nil || r.healthy(ctx, node) {
			return node, nil
		}
	}
	return "", fmt.Errorf("ring: none of %d nodes is healthy for %q: %w", len(seen), key, ctx.Err())
}
