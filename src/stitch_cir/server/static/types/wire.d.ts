// Written by scripts/wire_types.py from the models of stitch_cir.wire: do not edit.

/** The gallery ids of the images that were added, and the files that were skipped. */
export interface AddedImages {
  added: string[];
  skipped: SkippedImage[];
}

/** One attribute: its ``kind`` (text, number, boolean, date, list), and how many have it. */
export interface AttributeInfo {
  name: string;
  kind: string;
  items: number;
}

/** A target caption; ``origin`` says who wrote it: a rule, a model, a record or the user. */
export interface CaptionInfo {
  text: string;
  weight?: number;
  origin?: string;
}

/** The answer to a request for target captions. */
export interface ComposeResponse {
  composition: CompositionInfo;
}

/** The target captions that a composer made of a reference and a modification. */
export interface CompositionInfo {
  captions: CaptionInfo[];
  modification: string;
  composer: string;
  /** Captions of the reference as it is, where the composer wrote some. */
  reference_captions?: string[];
  settings?: Record<string, unknown>;
  notes?: string[];
  intent?: string;
  /** What is desired, to be preserved and forbidden; the scorer roles uses it. */
  roles?: RolesInfo;
  /** Other objects that the reference may show, to be sent as object. */
  alternatives?: string[];
}

/** Where a ranking stops saying anything: the score that random requests hardly reach. */
export interface CutoffInfo {
  /** The share of random requests that may reach the score. */
  strictness: number;
  score: number;
  /** Hits (images, or groups) that reach it. */
  above: number;
  /** The share of random requests that reach the best hit's score. */
  best_share?: number | null;
  /** Random requests that were scored … */
  requests: number;
  /** … on so many images of the gallery. */
  images: number;
  recipe: string;
  seed: number;
  /** What to do where nothing is above. */
  advice?: string[];
}

/** A target caption to search with; those of a composition may be sent back as they are. */
export interface EditedCaption {
  text: string;
  weight?: number;
  /** Whether it counts. */
  on?: boolean;
}

/** What happened, and what to do next. */
export interface ErrorDetail {
  /** The class of the error, e.g. NotFoundError. */
  type: string;
  message: string;
  hint?: string;
}

/** Every error has this shape. */
export interface ErrorResponse {
  error: ErrorDetail;
}

/** A question to begin with; without ``reference`` it is words alone. */
export interface ExampleInfo {
  reference?: ImageInfo | null;
  text: string;
}

/** Up to three questions, made of what the encoder reads in images of this gallery. */
export interface Examples {
  examples: ExampleInfo[];
  /** Where a cluster searches: the shards that do not answer, and why. What they hold is neither counted nor listed. */
  missing?: string[];
}

/** A query and the image to explain. */
export interface ExplainRequest {
  /** An id, as an object or as it is, or an upload. */
  reference?: GalleryReference | UploadReference | string | null;
  /** Several references, which the text may number: the dress of the first in the colour of the second. They follow reference, where that is sent too. */
  references?: (WeightedGalleryReference | WeightedUploadReference | string)[];
  /** What should be different. */
  text?: string;
  /** Texts of earlier turns that still hold, oldest first; text is the newest. */
  turns?: string[];
  /** Edited target captions; those that are off do not count. */
  captions?: EditedCaption[] | null;
  /** Ids of rejected images. */
  negatives?: string[];
  /** What the reference shows, where the encoder would misread it. */
  object?: string;
  /** Attributes to count: brand, price:0,50,100, taken:year. */
  facets?: string[];
  /** How many of the best hits to leave out: those of earlier pages. */
  offset?: number;
  /** next_cursor of the page before, instead of an offset. The rest of the request is the same; only k and facets may differ. */
  cursor?: string;
  /** What the hits should not show, such as stripes: whatever the scorer, images that show it lose points (settings.forbidden_weight). */
  avoid?: (string | PhraseSent)[];
  /** Phrases by role, instead of the composer's: those of a composition, to be sent back beside its captions. They count with the scorer roles. */
  roles?: RolesSent | null;
  settings?: QuerySettings;
  id: string;
}

/** An explanation with the image's views and the whole plan. */
export interface Explanation {
  hit: HitInfo;
  captions: string[];
  weights: number[];
  matches: MatchInfo[];
  /** What each caption contributed to the score. */
  shares: number[];
  /** Every reference of the query with its share. */
  references?: ReferenceShare[];
  /** What the captions and each role give to the score. */
  roles?: RoleShareInfo[];
  summary: string;
  notes?: string[];
  views: ViewInfo[];
  plan: PlanInfo;
}

/** A query, the image to explain, and how to draw the explanation. */
export interface ExplanationImageRequest {
  /** An id, as an object or as it is, or an upload. */
  reference?: GalleryReference | UploadReference | string | null;
  /** Several references, which the text may number: the dress of the first in the colour of the second. They follow reference, where that is sent too. */
  references?: (WeightedGalleryReference | WeightedUploadReference | string)[];
  /** What should be different. */
  text?: string;
  /** Texts of earlier turns that still hold, oldest first; text is the newest. */
  turns?: string[];
  /** Edited target captions; those that are off do not count. */
  captions?: EditedCaption[] | null;
  /** Ids of rejected images. */
  negatives?: string[];
  /** What the reference shows, where the encoder would misread it. */
  object?: string;
  /** Attributes to count: brand, price:0,50,100, taken:year. */
  facets?: string[];
  /** How many of the best hits to leave out: those of earlier pages. */
  offset?: number;
  /** next_cursor of the page before, instead of an offset. The rest of the request is the same; only k and facets may differ. */
  cursor?: string;
  /** What the hits should not show, such as stripes: whatever the scorer, images that show it lose points (settings.forbidden_weight). */
  avoid?: (string | PhraseSent)[];
  /** Phrases by role, instead of the composer's: those of a composition, to be sent back beside its captions. They count with the scorer roles. */
  roles?: RolesSent | null;
  settings?: QuerySettings;
  id: string;
  kind?: "all" | "matches" | "heatmap" | "contributions";
}

/** How many images have a ``value``, or one from ``low`` up to, not including, ``high``. */
export interface FacetCountInfo {
  count: number;
  /** The condition that selects these images. */
  where: string;
  value?: string | number | boolean | null;
  low?: string | number | null;
  high?: string | number | null;
}

/** The counts of one attribute over ``total`` images, ``missing`` of which do not have it. */
export interface FacetInfo {
  attribute: string;
  kind: string;
  total: number;
  missing: number;
  /** Values that occur; fewer may be listed. */
  distinct: number;
  smallest?: string | number | null;
  largest?: string | number | null;
  counts: FacetCountInfo[];
}

/** How many images meet a condition, the counts over them, and what they may be grouped by. */
export interface GalleryFacets {
  total: number;
  facets: SuggestedFacet[];
  /** Attributes that most images share with others, the finest first. */
  groupings?: string[];
  /** Where a cluster searches: the shards that do not answer, and why. What they hold is neither counted nor listed. */
  missing?: string[];
}

/** What the gallery is, which ``settings`` a query can have, and within which ``limits``. */
export interface GalleryInfo {
  name: string;
  images: number;
  complete?: boolean | null;
  waiting?: number | null;
  encoder: string;
  weights_tag: string;
  dim: number;
  recipe: Record<string, unknown>;
  captioned: number;
  attributes?: AttributeInfo[];
  /** How GET /api/images can list them; the first is the standard. */
  orders?: string[];
  generation: number;
  version: string;
  settings: SettingInfo[];
  limits: Record<string, number>;
  composer: Record<string, unknown>;
  writable: boolean;
  /** What happened to the gallery, e.g. a cache rebuilt. */
  notes?: string[];
  /** Where a cluster searches: the shards that do not answer, and why. What they hold is neither counted nor listed. */
  missing?: string[];
  /** Where the encoder is a stand-in: what it is good at, and the command, size and time of a better one; null where no model can be fetched. */
  encoder_note?: string | null;
  /** The server can show a file in its folder on this machine. */
  opens_folders?: boolean;
  /** An upload may be kept with the gallery, for a link. */
  keeps_uploads?: boolean;
}

/** An image of the gallery as the reference. */
export interface GalleryReference {
  /** A gallery id. */
  id: string;
}

/**
 * The server works; it is not `ready` while a pool of threads is saturated.
 *
 * It is `degraded` while shards of a cluster are `missing`.
 */
export interface Health {
  status: "ok" | "degraded";
  version: string;
  /** Images in the gallery; null where shards of a cluster are missing that have never been counted. */
  images: number | null;
  /** Where a cluster searches: the shards that do not answer, and why. What they hold is neither counted nor listed. */
  missing?: string[];
  /** No pool of threads is saturated. */
  ready?: boolean;
  pools?: Record<string, PoolState>;
}

/** One ranked image with its size and its addresses on the server. */
export interface HitInfo {
  /** Its gallery id, to be a reference or to be explained. */
  id: string;
  width: number | null;
  height: number | null;
  /** Its captions in the gallery, if any. */
  captions: string[];
  image: string;
  thumbnail: string;
  /** From 1, the best. */
  rank: number;
  /** Between -2 and 2, larger is better. */
  score: number;
  /** The view that matched best. */
  best_view: ViewInfo;
  /** Its attributes. */
  attributes?: Record<string, unknown>;
  /** How many images its group has. */
  group_images?: number;
  /** The next best of its group, where more than one is requested. */
  members?: MemberInfo[];
  /** Ids of its near-duplicates, where they are collapsed to it. */
  near_duplicates?: string[];
}

/** One image with its views and attributes. */
export interface ImageDetail {
  id: string;
  width: number | null;
  height: number | null;
  captions: string[];
  image: string;
  thumbnail: string;
  views: ViewInfo[];
  attributes?: Record<string, unknown>;
}

/**
 * One image of the gallery; `width` and `height` (pixels) are null for captions only.
 *
 * `image` and `thumbnail` are addresses on the server.
 */
export interface ImageInfo {
  id: string;
  width: number | null;
  height: number | null;
  captions: string[];
  image: string;
  thumbnail: string;
}

/** Some of ``total`` images, from ``offset`` on, in the order of the list. */
export interface ImagePage {
  total: number;
  offset: number;
  images: ImageInfo[];
  /** Where a cluster searches: the shards that do not answer, and why. What they hold is neither counted nor listed. */
  missing?: string[];
}

/**
 * A folder, a letter, a month or a year: `count` images from `offset` on.
 *
 * `label` is the folder, the letter, `2024-05` or `2024`; empty for images without any.
 */
export interface ImageSection {
  label: string;
  offset: number;
  count: number;
}

/** Where a list of ``total`` images can be jumped into; empty where it has no parts. */
export interface ImageSections {
  total: number;
  by?: "folder" | "letter" | "month" | "year" | null;
  sections: ImageSection[];
  /** Where a cluster searches: the shards that do not answer, and why. What they hold is neither counted nor listed. */
  missing?: string[];
}

/** An upload kept with the gallery: a link may name its ``id``, which removes nothing. */
export interface KeptUpload {
  id: string;
  bytes: number;
  /** When, in UTC: 2026-11-26T23:40:00+00:00. */
  kept_at: string;
}

/** All kept uploads, oldest first. */
export interface KeptUploads {
  uploads: KeptUpload[];
}

/** One caption, counted from 0, and one view that matched. */
export interface MatchInfo {
  caption: number;
  /** The caption's text. */
  label: string;
  view: ViewInfo;
  /** Their cosine. */
  similarity: number;
  forward: number;
  backward: number;
  /** Their share of the whole plan, 0 to 1. */
  mass: number;
}

/** A further image of a hit's group. */
export interface MemberInfo {
  id: string;
  score: number;
  near_duplicates?: string[];
}

/** A phrase of a role. */
export interface PhraseInfo {
  text: string;
  weight?: number;
  origin?: string;
}

/** A phrase of a role; those of a composition may be sent back as they are. */
export interface PhraseSent {
  text: string;
  weight?: number;
  origin?: string;
}

/**
 * The transport plan: K captions (rows) by M views, each matrix (K, M).
 *
 * A row of `forward` and a column of `backward` sum to 1, all of `joint` to 1;
 * `similarities` are cosines. `p` (K,) and `q` (M,) are the weights of both sides; `rho`
 * is the weight of `backward` in score and `joint`, 1 − `rho` that of `forward`.
 */
export interface PlanInfo {
  forward: number[][];
  backward: number[][];
  joint: number[][];
  similarities: number[][];
  score: number;
  scorer?: string;
  settings?: Record<string, unknown>;
  rho?: number;
  p?: number[];
  q?: number[];
  contribution_of_captions?: number[];
  contribution_of_views?: number[];
  best_view?: number | null;
  converged?: boolean;
  iterations?: number;
  marginal_error?: number;
}

/** How busy some of the server's threads are. */
export interface PoolState {
  threads: number;
  /** Requests in work or waiting. */
  held: number;
  /** Requests that may be held; more are answered 503. */
  room: number;
  /** Every thread is busy: the next request waits. */
  saturated: boolean;
}

/** The set that was searched with: ``labels`` are its K texts, ``weights`` sum to 1. */
export interface QueryInfo {
  reference: string | null;
  text: string | null;
  labels: string[];
  weights: number[];
  negatives?: string[];
  /** Every reference with its share. */
  references?: ReferenceShare[];
  /** The texts of earlier turns. */
  turns?: string[];
  /** What the hits should not show. */
  avoid?: string[];
  /** What made a vector of reference and text together, with its weight. */
  composed?: Record<string, string | number> | null;
}

/** A query: a reference, a modification, or both; or edited captions. */
export interface QueryRequest {
  /** An id, as an object or as it is, or an upload. */
  reference?: GalleryReference | UploadReference | string | null;
  /** Several references, which the text may number: the dress of the first in the colour of the second. They follow reference, where that is sent too. */
  references?: (WeightedGalleryReference | WeightedUploadReference | string)[];
  /** What should be different. */
  text?: string;
  /** Texts of earlier turns that still hold, oldest first; text is the newest. */
  turns?: string[];
  /** Edited target captions; those that are off do not count. */
  captions?: EditedCaption[] | null;
  /** Ids of rejected images. */
  negatives?: string[];
  /** What the reference shows, where the encoder would misread it. */
  object?: string;
  /** Attributes to count: brand, price:0,50,100, taken:year. */
  facets?: string[];
  /** How many of the best hits to leave out: those of earlier pages. */
  offset?: number;
  /** next_cursor of the page before, instead of an offset. The rest of the request is the same; only k and facets may differ. */
  cursor?: string;
  /** What the hits should not show, such as stripes: whatever the scorer, images that show it lose points (settings.forbidden_weight). */
  avoid?: (string | PhraseSent)[];
  /** Phrases by role, instead of the composer's: those of a composition, to be sent back beside its captions. They count with the scorer roles. */
  roles?: RolesSent | null;
  settings?: QuerySettings;
}

/** What changes the ranking; a setting that is left out has the preset's value. */
export interface QuerySettings {
  /** How many hits; where fewer images take part, all of them. */
  k?: number | null;
  /** How many target captions the composer writes, 1 to 64. */
  num_captions?: number | null;
  /** Values for several settings at once; others override them. */
  preset?: string | null;
  /** How captions, or the images' scores, move toward the modification. */
  transition?: string | null;
  /** Weight of the modification's own text in the transition, 0 to 1; for linear, away and image-text. */
  alpha?: number | null;
  /** How much of the reference is taken away, 0 to 1; for away. */
  beta?: number | null;
  /** How far the step along the change goes: 1 is as composed, below 0 the other way, -1000 to 1000; for pdv. */
  scale?: number | null;
  /** Weight of the moved reference image, 0 to 1; for pdv. */
  image_weight?: number | null;
  /** How much it counts that an image's score rises with the change, 0 to 1000; for semantic-increment. */
  gain?: number | null;
  /** How much it counts that an image's score falls with the change, 0 to 1000; for semantic-increment. */
  loss?: number | null;
  /** How much of the reference image is mixed into every caption, 0 to 1; for anchor-debias. */
  anchor_weight?: number | null;
  /** How much is taken off that captions score beyond the modification, 0 to 10; for anchor-debias. */
  debias_weight?: number | null;
  /** Settings of a transition of another package. */
  transition_options?: Record<string, boolean | number | string> | null;
  /** How far the query moves away from rejected images, 0 to 1000. */
  negative_weight?: number | null;
  /** How the query's members count: by their weights, or these divided by the spread of their scores over the gallery (z-score), or as a plug-in weighs them. */
  fusion?: string | null;
  /** The share that one vector of reference and text together has of the query; 0 is none of it, 1 nothing else, 0 to 1. */
  composed_weight?: number | null;
  /** What a model that reads image and text together is asked to find. */
  composed_instruction?: string | null;
  /** How the captions are compared with the views of an image. */
  scorer?: string | null;
  /** Temperature on raw cosine, above 0; for conditional and roles. */
  tau?: number | null;
  /** Weight of the views' direction: 0 asks only whether every caption is met by some view, 1 only whether every view is met by some caption, 0 to 1; for conditional, chamfer and roles. */
  rho?: number | null;
  /** Weight of the mean of an image's views behind the first, such as its captions, 0 to 1; for mixed. */
  rest_weight?: number | null;
  /** Weight of the entropy, in units of cosine, at least 1e-06; for sinkhorn. */
  epsilon?: number | null;
  /** What the captions are compared with beside the roles: the original view, or by transport with all views; for roles. */
  global_term?: string | null;
  /** How much the global term counts beside the roles, 0 to 1000; for roles. */
  global_weight?: number | null;
  /** How much it counts that some view shows each desired phrase, 0 to 1000; for roles. */
  desired_weight?: number | null;
  /** How much it counts that some view shows each phrase to be preserved, and is like a view of the reference, 0 to 1000; for roles. */
  preserve_weight?: number | null;
  /** Add the roles to the global term, or multiply it by what they reward and penalise; for roles. */
  role_rule?: string | null;
  /** Settings of a scorer of another package. */
  scorer_options?: Record<string, boolean | number | string> | null;
  /** How much an image loses that shows a forbidden phrase in some view; 0 is off, 0 to 10. */
  forbidden_weight?: number | null;
  /** Temperature at which a phrase of a role looks for its view, above 0. */
  role_tau?: number | null;
  /** What an image's hubness, its nearness to everything, takes off its score; 0 is off, 0 to 1000. */
  hubness_weight?: number | null;
  /** How many nearest neighbours hubness averages over. */
  hubness_neighbours?: number | null;
  /** Leave out hits that score lower; most scores lie between -2 and 2. */
  min_score?: number | null;
  /** Leave out hits that more than this share of random requests would score as high, 0.0001 to 0.5. */
  strictness?: number | null;
  /** Keep the hits below the cut-off of the strictness, too, and say where it lies. */
  below_cutoff?: boolean | null;
  /** Rank only ids that match one of these shell-style patterns. */
  include?: string[] | null;
  /** Leave out ids that match one of these shell-style patterns. */
  exclude?: string[] | null;
  /** Rank only images whose attributes meet it, such as brand = 'Acme' and not sold. */
  where?: string | null;
  /** Show the best image of each group: those with one value of this attribute. */
  group_by?: string | null;
  /** How many images of each group are shown, with a group by an attribute, 1 to 100. */
  group_size?: number | null;
  /** Whether copies of one image (resized, recompressed) are hits each, or one together. */
  near_duplicates?: string | null;
  /** How far the best 200 hits step back where they are like better ones; 0 is not at all, 0 to 1. */
  variety?: number | null;
  /** Keep the reference and its duplicates in the ranking. */
  include_reference?: boolean | null;
  /** Where a cluster searches: answer while shards of the dataset are missing, and say which. */
  partial?: boolean | null;
}

/** A reference and its share of the query; the shares sum to 1. */
export interface ReferenceShare {
  name: string;
  share: number;
}

/** The image whose file is to be shown in its folder. */
export interface RevealRequest {
  id: string;
}

/** A phrase of a role and the view that shows it best. */
export interface RoleMatchInfo {
  text: string;
  view: ViewInfo;
  /** Their cosine. */
  similarity: number;
}

/**
 * What one role gives to the score, or takes off it: all shares sum to the score.
 *
 * `role` is global (the captions), desired, preserve, reference (its views) or forbidden.
 */
export interface RoleShareInfo {
  role: string;
  share: number;
  matches?: RoleMatchInfo[];
}

/** Phrases by role, beside the captions. */
export interface RolesInfo {
  /** What the target image shows. */
  desired?: PhraseInfo[];
  /** What it shares with the reference. */
  preserve?: PhraseInfo[];
  /** What it must not show, or what is to vanish. */
  forbidden?: PhraseInfo[];
}

/** Phrases by role, for the scorer ``roles``. */
export interface RolesSent {
  /** What the target image shows. */
  desired?: PhraseSent[];
  /** What it shares with the reference. */
  preserve?: PhraseSent[];
  /** What it must not show. */
  forbidden?: PhraseSent[];
}

/** The answer to a search. */
export interface SearchResponse {
  results: SearchResults;
}

/** Ranked hits with everything that made them: composition, settings, counts, times. */
export interface SearchResults {
  hits: HitInfo[];
  query: QueryInfo;
  /** How many images took part, after filters. */
  ranked: number;
  /** How many better hits stand before the first. */
  offset?: number;
  /** Hits of all pages together: images, or groups of them. */
  total?: number;
  /** Continues with the next page; null after the last. */
  next_cursor?: string | null;
  /** False where a shortlist left out images that take part: better hits may be among them. */
  exact?: boolean;
  /** Where the cut-off lies, with a strictness. */
  cutoff?: CutoffInfo | null;
  /** Whether the whole gallery was searched. */
  complete?: boolean;
  /** Shards of a cluster that did not answer, and why. */
  missing?: string[];
  facets?: FacetInfo[];
  notes?: string[];
  composition: CompositionInfo | null;
  settings: Record<string, unknown>;
  gallery?: Record<string, unknown>;
  /** Images whose view sets were scored exactly. */
  scored: number;
  /** Images that were bounded instead. */
  bounded?: number;
  shortlist_recall?: number | null;
  /** The other system that named a shortlist; whoever runs a server chooses it. */
  candidate_source?: Record<string, unknown> | null;
  seconds: Record<string, number>;
  reranker?: Record<string, unknown> | null;
  /** Share of pairs of hits that two rankings of a reranker order differently. */
  disagreement?: number | null;
  usage?: Record<string, Record<string, unknown>>;
}

/** A setting that a query can have; fronts make their controls of it. */
export interface SettingInfo {
  name: string;
  kind: "number" | "whole" | "flag" | "name" | "patterns" | "options";
  default: unknown;
  /** A label in plain words. */
  title: string;
  help: string;
  /** Its sign in formulas. */
  symbol?: string;
  minimum?: number | null;
  maximum?: number | null;
  /** The minimum itself is excluded. */
  open?: boolean;
  /** The names it can have, if it is one. */
  choices?: string[];
  /** The transitions or scorers that have it; empty: every search. */
  used_by?: string[];
}

/** An image that was not added, and why. */
export interface SkippedImage {
  name: string;
  reason: string;
}

/** Counts over the gallery, and the text that requests the same of a search. */
export interface SuggestedFacet {
  attribute: string;
  kind: string;
  total: number;
  missing: number;
  /** Values that occur; fewer may be listed. */
  distinct: number;
  smallest?: string | number | null;
  largest?: string | number | null;
  counts: FacetCountInfo[];
  /** For the facets of a search: brand, price:0,50,100. */
  request: string;
}

/**
 * An image the server keeps in memory for `expires_in` seconds, to be a reference.
 *
 * `gallery_id` is set when the gallery holds the same content.
 */
export interface UploadInfo {
  upload: string;
  width: number;
  height: number;
  sha256: string;
  gallery_id: string | null;
  expires_in: number;
}

/** An uploaded image as the reference. */
export interface UploadReference {
  /** The token that POST /api/uploads returned. */
  upload: string;
}

/**
 * One view: `box` is (x0, y0, x1, y1) in fractions of the sides, or it is a `caption`.
 *
 * `image` counts the images of an item from 1, where it has several.
 */
export interface ViewInfo {
  index: number;
  label: string;
  box?: [number, number, number, number] | null;
  flip?: boolean | null;
  caption?: string | null;
  image?: number | null;
}

/** An image of the gallery as one of several references. */
export interface WeightedGalleryReference {
  /** A gallery id. */
  id: string;
  /** How much it counts beside the others. */
  weight?: number;
}

/** An uploaded image as one of several references. */
export interface WeightedUploadReference {
  /** The token that POST /api/uploads returned. */
  upload: string;
  /** How much it counts beside the others. */
  weight?: number;
}
