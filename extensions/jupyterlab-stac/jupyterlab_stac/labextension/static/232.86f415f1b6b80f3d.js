"use strict";(self.rspackChunkjupyterlab_stac=self.rspackChunkjupyterlab_stac||[]).push([[232],{8475(t,a,o){var e=o(1601),r=o.n(e),p=o(6314),i=(o.n(p))()(r());i.push([t.id,`.jp-Stac {
  --jp-stac-sea: #dfe9f0;
  --jp-stac-land: #f3efe6;
  --jp-stac-coast: #a89f8d;
  --jp-stac-footprint: #1559a8;
  --jp-stac-footprint-fill: rgba(21, 89, 168, 0.12);
  --jp-stac-selected: #c43e00;
  --jp-stac-selected-fill: rgba(196, 62, 0, 0.22);
  --jp-stac-hovered: #e08600;
  --jp-stac-area: #1b6e20;
  --jp-stac-shown: #8e24aa;
  --jp-stac-problem: #b3261e;
  --jp-stac-problem-back: #fdecea;
  --jp-stac-text: var(--jp-ui-font-color1);
  --jp-stac-quiet: #55585c;

  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  container-type: inline-size;
  font-size: var(--jp-ui-font-size1);
  overflow: hidden;
}

[data-jp-theme-light='false'] .jp-Stac {
  --jp-stac-sea: #17222c;
  --jp-stac-land: #2f3a3f;
  --jp-stac-coast: #66757c;
  --jp-stac-footprint: #6db3f8;
  --jp-stac-footprint-fill: rgba(109, 179, 248, 0.16);
  --jp-stac-selected: #ff9e6b;
  --jp-stac-selected-fill: rgba(255, 158, 107, 0.25);
  --jp-stac-hovered: #ffd24d;
  --jp-stac-area: #81c784;
  --jp-stac-shown: #d79be6;
  --jp-stac-problem: #ffb4ab;
  --jp-stac-problem-back: #42201d;
  --jp-stac-quiet: #b7bcc2;
}

.jp-Stac-layout {
  display: grid;
  grid-template-columns: 280px minmax(0, 1fr);
  grid-template-rows: minmax(0, 1fr);
  height: 100%;
}

.jp-Stac-layout.jp-mod-open {
  grid-template-columns: 280px minmax(0, 1fr) 360px;
}

.jp-Stac-form,
.jp-Stac-middle,
.jp-Stac-item {
  min-height: 0;
  min-width: 0;
}

.jp-Stac-form {
  border-right: 1px solid var(--jp-border-color2);
  display: flex;
  flex-direction: column;
}

.jp-Stac-formBody {
  flex: 1;
  overflow-y: auto;
  padding: 8px 12px;
}

.jp-Stac-formEnd {
  border-top: 1px solid var(--jp-border-color2);
  display: flex;
  gap: 8px;
  padding: 8px 12px;
}

.jp-Stac-formEnd .jp-mod-primary {
  flex: 1;
}

.jp-Stac fieldset {
  border: 0;
  margin: 0 0 14px;
  min-width: 0;
  padding: 0;
}

.jp-Stac legend {
  font-weight: 600;
  margin-bottom: 4px;
  padding: 0;
}

.jp-Stac-label {
  display: block;
  margin: 4px 0;
}

.jp-Stac-label > input[type='range'] {
  accent-color: var(--jp-stac-footprint);
  display: block;
  width: 100%;
}

.jp-Stac .jp-Stac-input {
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color0);
  border-radius: 3px;
  box-sizing: border-box;
  color: var(--jp-ui-font-color1);
  color-scheme: light;
  display: block;
  font: inherit;
  min-height: 26px;
  min-width: 0;
  padding: 3px 6px;
  width: 100%;
}

[data-jp-theme-light='false'] .jp-Stac .jp-Stac-input {
  color-scheme: dark;
}

.jp-Stac .jp-Stac-input::placeholder {
  color: var(--jp-stac-quiet);
  opacity: 1;
}

.jp-Stac-button {
  background: var(--jp-layout-color2);
  border: 1px solid var(--jp-border-color1);
  border-radius: 3px;
  color: var(--jp-ui-font-color1);
  cursor: pointer;
  font: inherit;
  min-height: 26px;
  padding: 2px 8px;
}

.jp-Stac-button:hover:not(:disabled) {
  background: var(--jp-layout-color3);
}

.jp-Stac-button:disabled {
  cursor: default;
  opacity: 0.6;
}

.jp-Stac-button[aria-pressed='true'] {
  border-color: var(--jp-stac-footprint);
  box-shadow: inset 0 -2px var(--jp-stac-footprint);
}

.jp-Stac-button.jp-mod-primary {
  background: #1559a8;
  border-color: #1559a8;
  color: #fff;
  font-weight: 600;
}

.jp-Stac-button.jp-mod-primary:hover:not(:disabled) {
  background: #0f4585;
}

.jp-Stac-link {
  background: none;
  border: 0;
  color: var(--jp-content-link-color);
  cursor: pointer;
  font: inherit;
  min-height: 24px;
  min-width: 24px;
  padding: 2px 0;
  text-decoration: underline;
}

.jp-Stac :is(button, input, select, textarea, summary, [tabindex]):focus-visible {
  outline: 2px solid var(--jp-stac-footprint);
  outline-offset: 1px;
}

.jp-Stac-row {
  align-items: center;
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  margin: 4px 0;
}

.jp-Stac-row > .jp-Stac-label {
  flex: 1 1 70px;
}

.jp-Stac-two,
.jp-Stac-four {
  display: grid;
  gap: 6px;
  grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
}

.jp-Stac-hint {
  color: var(--jp-stac-quiet);
  margin: 2px 0;
}

.jp-Stac-problem {
  background: var(--jp-stac-problem-back);
  border-left: 3px solid var(--jp-stac-problem);
  color: var(--jp-stac-problem);
  margin: 6px 0;
  padding: 4px 8px;
}

.jp-Stac-problem p {
  margin: 0 0 4px;
}

.jp-Stac-collections {
  border: 1px solid var(--jp-border-color2);
  border-radius: 3px;
  margin-top: 4px;
  max-height: 180px;
  overflow-y: auto;
  padding: 2px 6px;
}

.jp-Stac-check {
  align-items: flex-start;
  display: flex;
  gap: 6px;
  min-height: 24px;
  overflow-wrap: anywhere;
  padding: 2px 0;
}

.jp-Stac-filter {
  border-left: 2px solid var(--jp-border-color1);
  margin: 6px 0;
  padding-left: 8px;
}

.jp-Stac-filterHead {
  display: flex;
  justify-content: space-between;
}

.jp-Stac-filterHead .jp-Stac-link {
  text-decoration: none;
}

.jp-Stac-code {
  display: block;
  font-family: var(--jp-code-font-family);
  overflow-wrap: anywhere;
}

.jp-Stac-middle {
  display: grid;
  grid-template-rows: minmax(180px, 45%) minmax(0, 1fr);
}

.jp-Stac-mapFrame {
  min-height: 0;
  position: relative;
}

.jp-Stac-map {
  background: var(--jp-stac-sea);
  height: 100%;
}

.jp-Stac-map.jp-mod-drawing {
  cursor: crosshair !important;
}

.jp-Stac-map:focus-visible {
  outline-offset: -2px;
}

.jp-Stac-mapTools {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  justify-content: flex-end;
  max-width: calc(100% - 60px);
  position: absolute;
  right: 8px;
  top: 8px;
}

.jp-Stac-map .ol-viewport {
  position: relative;
}

.jp-Stac-map .ol-overlaycontainer-stopevent {
  pointer-events: none;
}

.jp-Stac-map .ol-control {
  pointer-events: auto;
  position: absolute;
}

.jp-Stac-map .ol-zoom {
  display: flex;
  flex-direction: column;
  gap: 4px;
  left: 8px;
  top: 8px;
}

.jp-Stac-map .ol-zoom button {
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1);
  border-radius: 3px;
  color: var(--jp-ui-font-color1);
  cursor: pointer;
  font-size: 16px;
  height: 28px;
  width: 28px;
}

.jp-Stac-map .ol-scale-line {
  bottom: 8px;
  left: 8px;
  pointer-events: none;
  position: absolute;
}

.jp-Stac-map .ol-scale-line-inner {
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-ui-font-color1);
  border-top: 0;
  color: var(--jp-ui-font-color1);
  font-size: 11px;
  padding: 0 4px;
  text-align: center;
}

.jp-Stac-results {
  border-top: 1px solid var(--jp-border-color2);
  min-height: 0;
  overflow-y: auto;
  padding: 0 10px 10px;
}

.jp-Stac-resultsHead {
  align-items: center;
  background: var(--jp-layout-color1);
  display: flex;
  gap: 8px;
  justify-content: space-between;
  margin: 0 -10px;
  padding: 4px 10px;
  position: sticky;
  top: 0;
  z-index: 1;
}

.jp-Stac-count {
  font-weight: 600;
  margin: 0;
}

.jp-Stac-selection {
  align-items: center;
  background: var(--jp-layout-color2);
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  margin-bottom: 6px;
  padding: 6px 8px;
}

.jp-Stac-cards {
  display: grid;
}

.jp-Stac-cards:focus-visible,
.jp-Stac-table tbody:focus-visible {
  outline: none;
}

.jp-Stac-card {
  border: 1px solid var(--jp-border-color2);
  border-radius: 4px;
  cursor: pointer;
  overflow: hidden;
}

.jp-Stac-card.jp-mod-hovered {
  border-color: var(--jp-stac-hovered);
  box-shadow: 0 0 0 1px var(--jp-stac-hovered);
}

.jp-Stac-card[aria-selected='true'] {
  border-color: var(--jp-stac-selected);
  box-shadow: 0 0 0 2px var(--jp-stac-selected);
}

.jp-Stac-thumbnail {
  align-items: center;
  background: var(--jp-layout-color2);
  color: var(--jp-stac-quiet);
  display: flex;
  height: 100px;
  justify-content: center;
}

.jp-Stac-thumbnail img {
  height: 100%;
  object-fit: cover;
  width: 100%;
}

.jp-Stac-cardText {
  display: flex;
  flex-direction: column;
  font-size: 12px;
  overflow-wrap: anywhere;
  padding: 6px 8px;
}

.jp-Stac-cardText span {
  color: var(--jp-stac-quiet);
}

.jp-Stac-table {
  border-collapse: collapse;
  width: 100%;
}

.jp-Stac-table th,
.jp-Stac-table td {
  border-bottom: 1px solid var(--jp-border-color2);
  overflow-wrap: anywhere;
  padding: 4px 6px;
  text-align: left;
}

.jp-Stac-table .jp-Stac-number {
  font-variant-numeric: tabular-nums;
  text-align: right;
}

.jp-Stac-table tbody tr {
  cursor: pointer;
}

.jp-Stac-table .jp-Stac-leftOut td {
  border: 0;
  padding: 0;
}

.jp-Stac-table tbody tr.jp-mod-hovered {
  background: var(--jp-layout-color2);
}

.jp-Stac-table tbody tr[aria-selected='true'] {
  box-shadow: inset 3px 0 var(--jp-stac-selected);
}

.jp-Stac-more {
  display: block;
  margin: 10px auto 0;
}

.jp-Stac-item {
  border-left: 1px solid var(--jp-border-color2);
  overflow-y: auto;
  padding: 8px 12px;
}

.jp-Stac-itemHead {
  align-items: flex-start;
  display: flex;
  gap: 8px;
  justify-content: space-between;
}

.jp-Stac-item h2 {
  font-size: 16px;
  margin: 0;
  overflow-wrap: anywhere;
}

.jp-Stac-item h3 {
  font-size: 13px;
  margin: 12px 0 4px;
}

.jp-Stac-assets {
  list-style: none;
  margin: 0;
  padding: 0;
}

.jp-Stac-assets > li {
  border-bottom: 1px solid var(--jp-border-color2);
  display: flex;
  flex-direction: column;
  overflow-wrap: anywhere;
  padding: 6px 0;
}

.jp-Stac-preview img {
  background: repeating-conic-gradient(var(--jp-layout-color2) 0% 25%, var(--jp-layout-color1) 0% 50%)
    50% / 16px 16px;
  border: 1px solid var(--jp-border-color2);
  display: block;
  max-width: 100%;
}

.jp-Stac-preview img.jp-mod-busy {
  opacity: 0.5;
}

.jp-Stac-histogram {
  margin: 6px 0;
}

.jp-Stac-histogram svg {
  background: var(--jp-layout-color2);
  display: block;
  height: 60px;
  width: 100%;
}

.jp-Stac-histogram path {
  fill: var(--jp-stac-footprint);
}

.jp-Stac-histogram .jp-Stac-histogramStretch {
  fill: none;
  stroke: var(--jp-stac-selected);
  stroke-width: 2;
}

.jp-Stac figcaption {
  color: var(--jp-stac-quiet);
  font-size: 12px;
}

.jp-Stac-sky {
  align-items: center;
  display: flex;
  gap: 10px;
  margin: 10px 0;
}

.jp-Stac-sky svg {
  flex: none;
  width: 130px;
}

.jp-Stac-sky figcaption span {
  display: block;
}

.jp-Stac-skyRing {
  fill: none;
  stroke: var(--jp-border-color0);
  stroke-width: 0.7;
}

.jp-Stac-skyText {
  fill: var(--jp-ui-font-color1);
  font-size: 9px;
  text-anchor: middle;
}

.jp-Stac-skySun {
  fill: #f6b100;
  stroke: #8a6200;
}

.jp-Stac-skySensor {
  fill: var(--jp-stac-footprint);
  stroke: var(--jp-stac-footprint);
}

.jp-Stac-properties {
  border-collapse: collapse;
  width: 100%;
}

.jp-Stac-properties th,
.jp-Stac-properties td {
  border-bottom: 1px solid var(--jp-border-color2);
  overflow-wrap: anywhere;
  padding: 3px 4px;
  text-align: left;
  vertical-align: top;
}

.jp-Stac-properties th {
  font-weight: 400;
  width: 45%;
}

.jp-Stac-said {
  clip-path: inset(50%);
  height: 1px;
  overflow: hidden;
  position: absolute;
  width: 1px;
}

@container (max-width: 900px) {
  .jp-Stac-layout,
  .jp-Stac-layout.jp-mod-open {
    grid-template-columns: 240px minmax(0, 1fr);
  }

  .jp-Stac-dates {
    grid-template-columns: minmax(0, 1fr);
  }

  .jp-Stac-item {
    background: var(--jp-layout-color1);
    border-left: 1px solid var(--jp-border-color1);
    bottom: 0;
    position: absolute;
    right: 0;
    top: 0;
    width: min(360px, 100%);
    z-index: 2;
  }
}

@media (prefers-reduced-motion: reduce) {
  .jp-Stac * {
    scroll-behavior: auto !important;
    transition: none !important;
  }
}
`,""]),o.d(a,{},{A:i})},6314(t){t.exports=function(t){var a=[];return a.toString=function(){return this.map(function(a){var o="",e=void 0!==a[5];return a[4]&&(o+="@supports (".concat(a[4],") {")),a[2]&&(o+="@media ".concat(a[2]," {")),e&&(o+="@layer".concat(a[5].length>0?" ".concat(a[5]):""," {")),o+=t(a),e&&(o+="}"),a[2]&&(o+="}"),a[4]&&(o+="}"),o}).join("")},a.i=function(t,o,e,r,p){"string"==typeof t&&(t=[[null,t,void 0]]);var i={};if(e)for(var c=0;c<this.length;c++){var n=this[c][0];null!=n&&(i[n]=!0)}for(var l=0;l<t.length;l++){var s=[].concat(t[l]);e&&i[s[0]]||(void 0!==p&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=p),o&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=o),r&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=r):s[4]="".concat(r)),a.push(s))}},a}},1601(t){t.exports=function(t){return t[1]}},5072(t){var a=[];function o(t){for(var o=-1,e=0;e<a.length;e++)if(a[e].identifier===t){o=e;break}return o}function e(t,e){for(var r={},p=[],i=0;i<t.length;i++){var c=t[i],n=e.base?c[0]+e.base:c[0],l=r[n]||0,s="".concat(n," ").concat(l);r[n]=l+1;var d=o(s),j={css:c[1],media:c[2],sourceMap:c[3],supports:c[4],layer:c[5]};if(-1!==d)a[d].references++,a[d].updater(j);else{var f=function(t,a){var o=a.domAPI(a);return o.update(t),function(a){a?(a.css!==t.css||a.media!==t.media||a.sourceMap!==t.sourceMap||a.supports!==t.supports||a.layer!==t.layer)&&o.update(t=a):o.remove()}}(j,e);e.byIndex=i,a.splice(i,0,{identifier:s,updater:f,references:1})}p.push(s)}return p}t.exports=function(t,r){var p=e(t=t||[],r=r||{});return function(t){t=t||[];for(var i=0;i<p.length;i++){var c=o(p[i]);a[c].references--}for(var n=e(t,r),l=0;l<p.length;l++){var s=o(p[l]);0===a[s].references&&(a[s].updater(),a.splice(s,1))}p=n}}},7659(t){var a={};t.exports=function(t,o){var e=function(t){if(void 0===a[t]){var o=document.querySelector(t);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(t){o=null}a[t]=o}return a[t]}(t);if(!e)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");e.appendChild(o)}},540(t){t.exports=function(t){var a=document.createElement("style");return t.setAttributes(a,t.attributes),t.insert(a,t.options),a}},5056(t,a,o){t.exports=function(t){var a=o.nc;a&&t.setAttribute("nonce",a)}},7825(t){t.exports=function(t){if("u"<typeof document)return{update:function(){},remove:function(){}};var a=t.insertStyleElement(t);return{update:function(o){var e,r,p;e="",o.supports&&(e+="@supports (".concat(o.supports,") {")),o.media&&(e+="@media ".concat(o.media," {")),(r=void 0!==o.layer)&&(e+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),e+=o.css,r&&(e+="}"),o.media&&(e+="}"),o.supports&&(e+="}"),(p=o.sourceMap)&&"u">typeof btoa&&(e+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(p))))," */")),t.styleTagTransform(e,a,t.options)},remove:function(){var t;null===(t=a).parentNode||t.parentNode.removeChild(t)}}}},1113(t){t.exports=function(t,a){if(a.styleSheet)a.styleSheet.cssText=t;else{for(;a.firstChild;)a.removeChild(a.firstChild);a.appendChild(document.createTextNode(t))}}},8579(t,a,o){var e=o(5072),r=o.n(e),p=o(7825),i=o.n(p),c=o(7659),n=o.n(c),l=o(5056),s=o.n(l),d=o(540),j=o.n(d),f=o(1113),u=o.n(f),x=o(8475),m={};m.styleTagTransform=u(),m.setAttributes=s(),m.insert=n().bind(null,"head"),m.domAPI=i(),m.insertStyleElement=j(),r()(x.A,m),x.A&&x.A.locals&&x.A.locals}}]);