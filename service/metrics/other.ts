// The label of all that have no series of their own. A user may call a topic so: it counts with the rest then, whatever its
// traffic, so that no series is there twice.

export const OTHER = '_other'
