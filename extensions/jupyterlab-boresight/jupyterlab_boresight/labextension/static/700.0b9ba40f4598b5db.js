"use strict";(self.rspackChunkjupyterlab_boresight=self.rspackChunkjupyterlab_boresight||[]).push([[700],{646(r,e,o){var t=o(601),a=o.n(t),i=o(314),n=(o.n(i))()(a());n.push([r.id,`.jp-boresight {
  overflow: auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
}

.jp-boresight-panel {
  padding: 8px 12px;
}

.jp-boresight-panel h2 {
  margin: 4px 0 8px;
  font-size: var(--jp-ui-font-size2);
  overflow-wrap: anywhere;
}

.jp-boresight-panel h3 {
  margin: 0;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  overflow-wrap: anywhere;
}

.jp-boresight-panel p {
  margin: 4px 0;
  overflow-wrap: anywhere;
}

.jp-boresight-pairs,
.jp-boresight-jobs {
  margin: 8px 0;
  padding: 0;
  list-style: none;
}

.jp-boresight-card {
  margin: 0 0 10px;
  padding: 8px 10px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
}

.jp-boresight-card.jp-mod-selected {
  border-color: var(--jp-brand-color1);
  box-shadow: inset 3px 0 var(--jp-brand-color1);
}

.jp-boresight-card-head {
  display: flex;
  gap: 8px;
  justify-content: space-between;
  align-items: baseline;
}

.jp-boresight-total,
.jp-boresight-state {
  flex: none;
  font-weight: 600;
  white-space: nowrap;
}

.jp-boresight-facts,
.jp-boresight-scores dd,
.jp-boresight-verdict {
  font-size: var(--jp-ui-font-size0);
}

.jp-boresight-scores {
  margin: 6px 0;
}

.jp-boresight-scores dt {
  display: grid;
  grid-template-columns: 1fr auto;
  gap: 2px 8px;
  align-items: center;
  margin-top: 5px;
}

.jp-boresight-scores dd {
  margin: 1px 0 0;
}

.jp-boresight-verdict {
  text-align: right;
}

.jp-boresight-bar {
  display: block;
  grid-column: 1 / -1;
  order: 1;
  height: 8px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
  overflow: hidden;
}

.jp-boresight-bar > span {
  display: block;
  height: 100%;
}

.jp-boresight-bar-good {
  background: #2e7d32;
}

.jp-boresight-bar-fair {
  background: #c77700;
}

.jp-boresight-bar-poor {
  background: #c62828;
}

.jp-boresight-bar-unknown {
  background: repeating-linear-gradient(
    45deg,
    var(--jp-border-color1),
    var(--jp-border-color1) 3px,
    transparent 3px,
    transparent 6px
  );
}

.jp-boresight-buttons {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  margin-top: 8px;
}

.jp-boresight-button {
  padding: 4px 10px;
  border: 1px solid var(--jp-border-color0);
  border-radius: 3px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color0);
  font: inherit;
  text-decoration: none;
  cursor: pointer;
}

.jp-boresight-button:hover:not(:disabled) {
  background: var(--jp-layout-color2);
}

.jp-boresight-button.jp-mod-primary {
  border-color: #1458a8;
  background: #1458a8;
  color: #fff;
}

.jp-boresight-button.jp-mod-primary:hover:not(:disabled) {
  background: #0d3f7a;
}

.jp-boresight-button:disabled {
  opacity: 0.6;
  cursor: default;
}

.jp-boresight-button:focus-visible,
.jp-boresight-log:focus-visible,
.jp-boresight-panel summary:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.jp-boresight-progress {
  display: flex;
  gap: 8px;
  align-items: center;
}

.jp-boresight-progress progress {
  flex: 1;
  height: 10px;
  accent-color: #1458a8;
}

.jp-boresight-problem {
  padding: 6px 8px;
  border-left: 3px solid #c62828;
  background: var(--jp-layout-color2);
}

.jp-boresight-log {
  max-height: 260px;
  margin: 8px 0 0;
  padding: 6px;
  overflow: auto;
  border: 1px solid var(--jp-border-color1);
  background: var(--jp-layout-color0);
  color: var(--jp-ui-font-color0);
  font-size: var(--jp-code-font-size);
  font-family: var(--jp-code-font-family);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

.jp-boresight-meter {
  display: flex;
  gap: 6px;
  align-items: center;
  height: 100%;
  padding: 0 6px;
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}

.jp-boresight-meter .jp-boresight-bar {
  width: 48px;
}

.jp-mod-clicked .jp-boresight-meter {
  color: var(--jp-ui-inverse-font-color1);
}

.jp-boresight-details:focus {
  outline: none;
}

.jp-boresight-details {
  max-width: 34rem;
  padding: 8px 12px;
  border: 1px solid var(--jp-border-color1);
}

.jp-boresight-details h2,
.jp-boresight-details h3 {
  margin: 8px 0 4px;
  font-size: var(--jp-ui-font-size1);
}

.jp-boresight-sizes {
  width: 100%;
  border-collapse: collapse;
}

.jp-boresight-sizes th,
.jp-boresight-sizes td {
  padding: 2px 8px 2px 0;
  font-weight: 400;
  text-align: left;
  overflow-wrap: anywhere;
}

.jp-boresight-sizes td:last-child {
  padding-right: 0;
  text-align: right;
  white-space: nowrap;
}
`,""]),o.d(e,{},{A:n})},314(r){r.exports=function(r){var e=[];return e.toString=function(){return this.map(function(e){var o="",t=void 0!==e[5];return e[4]&&(o+="@supports (".concat(e[4],") {")),e[2]&&(o+="@media ".concat(e[2]," {")),t&&(o+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),o+=r(e),t&&(o+="}"),e[2]&&(o+="}"),e[4]&&(o+="}"),o}).join("")},e.i=function(r,o,t,a,i){"string"==typeof r&&(r=[[null,r,void 0]]);var n={};if(t)for(var p=0;p<this.length;p++){var s=this[p][0];null!=s&&(n[s]=!0)}for(var c=0;c<r.length;c++){var l=[].concat(r[c]);t&&n[l[0]]||(void 0!==i&&(void 0===l[5]||(l[1]="@layer".concat(l[5].length>0?" ".concat(l[5]):""," {").concat(l[1],"}")),l[5]=i),o&&(l[2]&&(l[1]="@media ".concat(l[2]," {").concat(l[1],"}")),l[2]=o),a&&(l[4]?(l[1]="@supports (".concat(l[4],") {").concat(l[1],"}"),l[4]=a):l[4]="".concat(a)),e.push(l))}},e}},601(r){r.exports=function(r){return r[1]}},72(r){var e=[];function o(r){for(var o=-1,t=0;t<e.length;t++)if(e[t].identifier===r){o=t;break}return o}function t(r,t){for(var a={},i=[],n=0;n<r.length;n++){var p=r[n],s=t.base?p[0]+t.base:p[0],c=a[s]||0,l="".concat(s," ").concat(c);a[s]=c+1;var d=o(l),u={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==d)e[d].references++,e[d].updater(u);else{var g=function(r,e){var o=e.domAPI(e);return o.update(r),function(e){e?(e.css!==r.css||e.media!==r.media||e.sourceMap!==r.sourceMap||e.supports!==r.supports||e.layer!==r.layer)&&o.update(r=e):o.remove()}}(u,t);t.byIndex=n,e.splice(n,0,{identifier:l,updater:g,references:1})}i.push(l)}return i}r.exports=function(r,a){var i=t(r=r||[],a=a||{});return function(r){r=r||[];for(var n=0;n<i.length;n++){var p=o(i[n]);e[p].references--}for(var s=t(r,a),c=0;c<i.length;c++){var l=o(i[c]);0===e[l].references&&(e[l].updater(),e.splice(l,1))}i=s}}},659(r){var e={};r.exports=function(r,o){var t=function(r){if(void 0===e[r]){var o=document.querySelector(r);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(r){o=null}e[r]=o}return e[r]}(r);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(o)}},540(r){r.exports=function(r){var e=document.createElement("style");return r.setAttributes(e,r.attributes),r.insert(e,r.options),e}},56(r,e,o){r.exports=function(r){var e=o.nc;e&&r.setAttribute("nonce",e)}},825(r){r.exports=function(r){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=r.insertStyleElement(r);return{update:function(o){var t,a,i;t="",o.supports&&(t+="@supports (".concat(o.supports,") {")),o.media&&(t+="@media ".concat(o.media," {")),(a=void 0!==o.layer)&&(t+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),t+=o.css,a&&(t+="}"),o.media&&(t+="}"),o.supports&&(t+="}"),(i=o.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(i))))," */")),r.styleTagTransform(t,e,r.options)},remove:function(){var r;null===(r=e).parentNode||r.parentNode.removeChild(r)}}}},113(r){r.exports=function(r,e){if(e.styleSheet)e.styleSheet.cssText=r;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(r))}}},959(r,e,o){var t=o(72),a=o.n(t),i=o(825),n=o.n(i),p=o(659),s=o.n(p),c=o(56),l=o.n(c),d=o(540),u=o.n(d),g=o(113),b=o.n(g),h=o(646),f={};f.styleTagTransform=b(),f.setAttributes=l(),f.insert=s().bind(null,"head"),f.domAPI=n(),f.insertStyleElement=u(),a()(h.A,f),h.A&&h.A.locals&&h.A.locals}}]);