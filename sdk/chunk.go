package sdk

import "github.com/vitalseal/vitalseal/sdk/core/vital"

const (
	// maxChunk is how many bytes of payload one message gets at most, estimated
	// from above: half of what a message holds, so that one lost message costs
	// little and an MQTT packet stays small.
	maxChunk     = 16 << 10
	maxWavePiece = 1920 // samples; 15 kB at worst
)

// cut moves from src to dst, which is reset, as much as one message takes, and
// reports whether anything was moved. Both keep their memory. What is moved
// leaves src for good: the caller seals dst until it succeeds.
func cut(dst, src *vital.Batch) bool {
	dst.Reset()
	if src.Len() == 0 {
		return false
	}
	room := maxChunk
	moveWaves(dst, src, &room)
	dst.Numerics, src.Numerics = move(dst.Numerics, src.Numerics, numericCost, &room)
	dst.Enumerations, src.Enumerations = move(dst.Enumerations, src.Enumerations, recordCost, &room)
	dst.Alerts, src.Alerts = move(dst.Alerts, src.Alerts, recordCost, &room)
	dst.Events, src.Events = move(dst.Events, src.Events, recordCost, &room)
	dst.Drops, src.Drops = move(dst.Drops, src.Drops, recordCost, &room)
	dst.Heartbeats, src.Heartbeats = move(dst.Heartbeats, src.Heartbeats, recordCost, &room)
	return true
}

// move moves entries of one kind while there is room.
func move[T any](dst, src []T, cost int, room *int) ([]T, []T) {
	n := min(len(src), max(0, *room)/cost)
	*room -= n * cost
	dst = append(dst, src[:n]...)
	return dst, src[:copy(src, src[n:])]
}

// moveWaves swaps waves over, so that each batch keeps sample memory to reuse.
func moveWaves(dst, src *vital.Batch, room *int) {
	n := 0
	for ; n < len(src.Waves); n++ {
		cost := waveCost + sampleCost*len(src.Waves[n].Samples)
		if n > 0 && cost > *room {
			break
		}
		*room -= cost
		w := dst.AddWave()
		*w, src.Waves[n] = src.Waves[n], *w
	}
	for i := n; i < len(src.Waves); i++ {
		src.Waves[i-n], src.Waves[i] = src.Waves[i], src.Waves[i-n]
	}
	src.Waves = src.Waves[:len(src.Waves)-n]
}
