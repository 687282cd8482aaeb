/** The map: footprints over a base map that comes with the panel. */

import Feature, { type FeatureLike } from 'ol/Feature';
import OlMap from 'ol/Map';
import View from 'ol/View';
import { createBox } from 'ol/interaction/Draw';
import Draw from 'ol/interaction/Draw';
import TopoJSON from 'ol/format/TopoJSON';
import GeoJSON from 'ol/format/GeoJSON';
import Graticule from 'ol/layer/Graticule';
import VectorLayer from 'ol/layer/Vector';
import VectorSource from 'ol/source/Vector';
import GeometryCollection from 'ol/geom/GeometryCollection';
import LineString from 'ol/geom/LineString';
import MultiPolygon from 'ol/geom/MultiPolygon';
import MultiPoint from 'ol/geom/MultiPoint';
import Point from 'ol/geom/Point';
import Polygon, { fromExtent } from 'ol/geom/Polygon';
import type Geometry from 'ol/geom/Geometry';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import { getCenter, getHeight, getWidth, intersects } from 'ol/extent';
import { defaults as defaultControls } from 'ol/control/defaults';
import ScaleLine from 'ol/control/ScaleLine';

import land from 'world-atlas/land-50m.json';

import type { CatalogueModel, Change } from '../model/catalogue';
import { extentOf, footprintOf, splitBBox, type Footprint } from '../model/footprints';
import { viewportBBox } from '../model/search';
import type { BBox, StacItem } from '../stac';
import { MapPictures } from './pictures';

const PROJECTION = 'EPSG:4326';
/** A footprint that is smaller on the screen is drawn as a point too [px]. */
const TOO_SMALL_PX = 8;
/** At the equator 5 cm a pixel: an image of 250 m fills the map, and pixels of half a metre are seen. */
const MAX_ZOOM = 22;
/** For what has no extent, as a point: 19 m a pixel. */
const POINT_ZOOM = 13;

interface Colours {
  readonly land: string;
  readonly line: string;
  readonly footprint: string;
  readonly fill: string;
  readonly selected: string;
  readonly selectedFill: string;
  readonly hovered: string;
  readonly area: string;
  readonly shown: string;
  readonly text: string;
}

/** Draws a model into an element. */
export class CatalogueMap {
  private readonly map: OlMap;
  private readonly results = new VectorSource();
  /** What is selected or under the mouse, over the others: these are not drawn anew for it. */
  private readonly marks = new VectorSource();
  private readonly area = new VectorSource();
  private readonly shown = new VectorSource();
  /** Edges of what is chosen, above its pictures. */
  private readonly edges = new VectorSource();
  private readonly byKey = new Map<string, Feature>();
  private readonly land: VectorLayer;
  private graticule: Graticule | null = null;
  private draw: Draw | null = null;
  private colours: Colours;
  private styles!: Record<'usual' | 'hovered' | 'selected' | 'edge' | 'area' | 'shown', [Style, Style]>;
  private readonly pictures: MapPictures;
  private fitted = false;
  private clicked = false;

  constructor(
    private readonly element: HTMLElement,
    private readonly model: CatalogueModel,
    zoomLabels: readonly [string, string]
  ) {
    this.colours = coloursOf(element);
    this.restyle();
    this.land = new VectorLayer({
      source: new VectorSource({
        features: landFeatures()
      })
    });
    const results = new VectorLayer({
      source: this.results,
      style: (feature, resolution) => this.pair(feature as Feature, resolution, 'usual')
    });
    this.pictures = new MapPictures(model, PROJECTION);
    const extent = model.extent;
    this.map = new OlMap({
      target: element,
      controls: defaultControls({
        rotate: false,
        attribution: false,
        zoomOptions: { zoomInTipLabel: zoomLabels[0], zoomOutTipLabel: zoomLabels[1] }
      }).extend([new ScaleLine()]),
      layers: [
        this.land,
        new VectorLayer({ source: this.area, style: () => this.styles.area[0] }),
        results,
        new VectorLayer({
          source: this.marks,
          style: (feature, resolution) => this.styleOf(feature as Feature, resolution)
        }),
        this.pictures.layer,
        new VectorLayer({ source: this.edges, style: () => this.styles.edge[0] }),
        new VectorLayer({
          source: this.shown,
          style: (feature, resolution) => this.pair(feature as Feature, resolution, 'shown')
        })
      ],
      view: new View({
        projection: PROJECTION,
        center: [0, 20],
        zoom: 1,
        maxZoom: MAX_ZOOM,
        // in a map that is no wider than twice its height too
        showFullExtent: true
      })
    });
    this.paintLand();
    if (isArea(extent)) {
      this.map.getView().fit([...extent]);
      this.fitted = true;
    }
    this.listen(results);
    this.takeResults();
    this.takeArea();
    this.takeShown();
    model.changed.connect(this.hear, this);
  }

  dispose(): void {
    this.model.changed.disconnect(this.hear, this);
    this.map.setTarget(undefined);
    this.map.dispose();
  }

  resize(): void {
    this.map.updateSize();
  }

  /** Take colours anew, as when the theme changes. */
  recolour(): void {
    this.colours = coloursOf(this.element);
    this.restyle();
    this.paintLand();
    [this.results, this.marks, this.area, this.edges, this.shown].forEach(source => source.changed());
  }

  /** Let the reader draw; what was drawn becomes the search's area. */
  drawArea(kind: 'box' | 'polygon'): void {
    this.stopDrawing();
    const draw = new Draw({
      source: this.area,
      type: kind === 'box' ? 'Circle' : 'Polygon',
      ...(kind === 'box' ? { geometryFunction: createBox() } : {})
    });
    draw.on('drawstart', () => this.area.clear());
    draw.on('drawend', event => {
      const geometry = event.feature.getGeometry() as Polygon;
      const bbox = viewportBBox(geometry.getExtent());
      // ends after this event, else the click would choose a footprint
      setTimeout(() => {
        this.stopDrawing();
        if (kind === 'box') {
          this.model.set({ bbox, area: null });
        } else {
          const area = new GeoJSON().writeGeometryObject(geometry) as GeoJSON.Geometry;
          this.model.set({ bbox: null, area });
        }
      });
    });
    this.draw = draw;
    this.map.addInteraction(draw);
    this.element.classList.add('jp-mod-drawing');
  }

  stopDrawing(): void {
    if (this.draw) {
      this.map.removeInteraction(this.draw);
      this.draw = null;
      this.element.classList.remove('jp-mod-drawing');
    }
  }

  /** What the map shows now. */
  viewport(): BBox | null {
    return viewportBBox(this.map.getView().calculateExtent(this.map.getSize()));
  }

  /** Show all results, or everything that was put here. */
  fit(footprints: readonly Footprint[]): void {
    const box = extentOf(footprints);
    if (box) {
      const [west, south, east, north] = box;
      this.map.getView().fit([west, south, west <= east ? east : east + 360, north], {
        padding: [40, 40, 40, 40],
        maxZoom: west === east && south === north ? POINT_ZOOM : MAX_ZOOM
      });
    }
  }

  private listen(results: VectorLayer): void {
    const at = (pixel: number[]): Feature | undefined =>
      this.map.getFeaturesAtPixel(pixel, {
        layerFilter: layer => layer === results,
        hitTolerance: 3
      })[0] as Feature | undefined;
    this.map.on('pointermove', event => {
      if (!event.dragging && !this.draw) {
        const feature = at(event.pixel);
        this.element.style.cursor = feature ? 'pointer' : '';
        this.model.hover(feature ? String(feature.getId()) : null);
      }
    });
    this.map.on('click', event => {
      const feature = this.draw ? undefined : at(event.pixel);
      if (feature) {
        const key = String(feature.getId());
        const { ctrlKey, metaKey } = event.originalEvent as MouseEvent;
        const more = ctrlKey || metaKey;
        this.model.select(key, more ? 'toggle' : 'only');
        if (!more) {
          this.clicked = true;
          this.model.open(this.model.results.find(one => one.key === key)?.item ?? null);
          this.clicked = false;
        }
      }
    });
    this.map.on('moveend', () => {
      const size = this.map.getSize();
      if (size?.[0] && size[1]) {
        this.model.setExtent(this.map.getView().calculateExtent(size));
      }
    });
    this.element.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        this.stopDrawing();
        this.takeArea();
      }
    });
  }

  private hear(_: CatalogueModel, change: Change): void {
    switch (change) {
      case 'results':
      case 'api':
        this.takeResults();
        this.takePictures();
        break;
      case 'search':
        this.takeArea();
        break;
      case 'shown':
        this.takeShown();
        break;
      case 'hover':
        this.takeMarks();
        break;
      case 'selection':
        this.takePictures();
        this.takeMarks();
        break;
      case 'open':
        this.takePictures();
        this.find(this.model.opened);
        break;
    }
  }

  private takeResults(): void {
    const { results } = this.model;
    if (results.length < this.byKey.size || !results.every((one, i) => i >= this.byKey.size || this.byKey.has(one.key))) {
      this.results.clear(true);
      this.byKey.clear();
      this.fitted = this.fitted && results.length > 0;
    }
    const added: Feature[] = [];
    for (const { key, footprint } of results) {
      if (!this.byKey.has(key)) {
        const feature = new Feature(geometryOf(footprint));
        feature.setId(key);
        this.byKey.set(key, feature);
        added.push(feature);
      }
    }
    this.results.addFeatures(added);
    if (added.length && !this.fitted) {
      this.fitted = true;
      this.fit(results.map(one => one.footprint));
    }
    this.takeMarks();
  }

  private takeMarks(): void {
    const { selection, hovered } = this.model;
    const marked = new Set(hovered === null ? selection : [...selection, hovered]);
    this.marks.clear(true);
    this.marks.addFeatures([...marked].flatMap(key => this.byKey.get(key) ?? []));
  }

  private takeArea(): void {
    this.area.clear();
    const { bbox, area } = this.model.search;
    if (area) {
      this.area.addFeature(new Feature(new GeoJSON().readGeometry(area) as Geometry));
    } else if (bbox) {
      splitBBox(bbox).forEach(one => this.area.addFeature(new Feature(fromExtent([...one]))));
    }
  }

  private takeShown(): void {
    this.shown.clear();
    const footprints = this.model.shown.map(footprintOf);
    this.shown.addFeatures(footprints.map(one => new Feature(geometryOf(one))));
    if (footprints.length) {
      this.fit(footprints);
    }
    this.takePictures();
  }

  private takePictures(): void {
    const { shown, chosen } = this.model;
    this.pictures.take([...shown, ...chosen]);
    this.edges.clear();
    this.edges.addFeatures(chosen.map(item => new Feature(geometryOf(footprintOf(item)))));
  }

  /** Go to what was opened in the list, where it is not seen or is but a point. */
  private find(item: StacItem | null): void {
    const footprint = item && !this.clicked ? footprintOf(item) : null;
    const extent = footprint ? geometryOf(footprint)?.getExtent() : undefined;
    const view = this.map.getView();
    const resolution = view.getResolution();
    if (!footprint || !extent || !resolution || !this.map.getSize()?.[0]) {
      return;
    }
    const isPoint = getWidth(extent) === 0 && getHeight(extent) === 0;
    const small = Math.max(getWidth(extent), getHeight(extent)) / resolution <= TOO_SMALL_PX;
    if ((small && !isPoint) || !intersects(extent, view.calculateExtent(this.map.getSize()))) {
      this.fit([footprint]);
    }
  }

  private styleOf(feature: Feature, resolution: number): Style[] {
    const key = String(feature.getId());
    return this.pair(feature, resolution, this.model.selection.has(key) ? 'selected' : 'hovered');
  }

  private pair(
    feature: Feature,
    resolution: number,
    kind: 'usual' | 'hovered' | 'selected' | 'shown'
  ): Style[] {
    const extent = feature.getGeometry()?.getExtent();
    const [shape, dot] = this.styles[kind];
    const isSmall =
      extent && Math.max(getWidth(extent), getHeight(extent)) / resolution <= TOO_SMALL_PX;
    return isSmall ? [shape, dot] : [shape];
  }

  private restyle(): void {
    const { footprint, fill, hovered, selected, selectedFill, area, shown } = this.colours;
    const make = (line: string, inside: string, width: number, zIndex: number): [Style, Style] => {
      const stroke = new Stroke({ color: line, width });
      const circle = new Circle({ radius: 4 + width / 2, fill: new Fill({ color: line }) });
      return [
        new Style({ stroke, fill: new Fill({ color: inside }), image: circle, zIndex }),
        new Style({ image: circle, geometry: middleOf, zIndex })
      ];
    };
    this.styles = {
      usual: make(footprint, fill, 1.25, 1),
      hovered: make(hovered, fill, 3, 3),
      selected: make(selected, selectedFill, 2.5, 2),
      edge: make(selected, 'rgba(0,0,0,0)', 2.5, 2),
      area: make(area, 'rgba(0,0,0,0)', 2, 0),
      shown: make(shown, 'rgba(0,0,0,0)', 2.5, 4)
    };
    this.styles.area[0].getStroke()?.setLineDash([6, 4]);
  }

  private paintLand(): void {
    const { land: inside, line, text } = this.colours;
    this.land.setStyle(
      new Style({ fill: new Fill({ color: inside }), stroke: new Stroke({ color: line, width: 0.7 }) })
    );
    if (this.graticule) {
      this.map.removeLayer(this.graticule);
    }
    this.graticule = new Graticule({
      strokeStyle: new Stroke({ color: line, width: 0.5, lineDash: [2, 4] }),
      showLabels: false,
      wrapX: true
    });
    this.map.getLayers().insertAt(1, this.graticule);
    this.element.style.setProperty('color', text);
  }
}

/** Where the point of a small footprint is. */
function middleOf(feature: FeatureLike): Point | undefined {
  const extent = feature.getGeometry()?.getExtent();
  return extent && new Point(getCenter(extent));
}

/** A saved extent that a map can be fitted to. */
function isArea(extent: readonly number[] | null): extent is [number, number, number, number] {
  const [west, south, east, north] = extent ?? [];
  return extent?.length === 4 && extent.every(Number.isFinite) && west! < east! && south! < north!;
}

/** Land of Natural Earth; its rings run over the antimeridian and around the pole. */
function landFeatures(): Feature[] {
  const json = new GeoJSON();
  return new TopoJSON({ layers: ['land'] }).readFeatures(land).flatMap(feature => {
    const geometry = feature.getGeometry();
    const found = geometry
      ? geometryOf(
          footprintOf({ geometry: json.writeGeometryObject(geometry) as GeoJSON.Geometry })
        )
      : undefined;
    return found ? [new Feature(found)] : [];
  });
}

function geometryOf(footprint: Footprint): Geometry | undefined {
  const parts: Geometry[] = [];
  if (footprint.polygons.length) {
    parts.push(
      new MultiPolygon(footprint.polygons.map(rings => rings.map(ring => ring.map(at => [...at]))))
    );
  }
  parts.push(...footprint.lines.map(line => new LineString(line.map(at => [...at]))));
  if (footprint.points.length) {
    parts.push(new MultiPoint(footprint.points.map(at => [...at])));
  }
  return parts.length > 1 ? new GeometryCollection(parts) : parts[0];
}

function coloursOf(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const take = (name: string, otherwise: string): string =>
    style.getPropertyValue(`--jp-stac-${name}`).trim() || otherwise;
  return {
    land: take('land', '#e8e4da'),
    line: take('coast', '#b9b2a3'),
    footprint: take('footprint', '#1565c0'),
    fill: take('footprint-fill', 'rgba(21,101,192,0.12)'),
    selected: take('selected', '#d84315'),
    selectedFill: take('selected-fill', 'rgba(216,67,21,0.2)'),
    hovered: take('hovered', '#f9a825'),
    area: take('area', '#2e7d32'),
    shown: take('shown', '#8e24aa'),
    text: take('text', '#000')
  };
}
